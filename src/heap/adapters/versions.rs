//! The versions of allocator-api2 whose collections a heap serves.

/// Calls a macro with the crate of each version.
macro_rules! versions {
    ($each:ident) => {
        $each!(allocator_api2);
        #[cfg(feature = "allocator-api2-03")]
        $each!(allocator_api2_03);
        #[cfg(feature = "allocator-api2-04")]
        $each!(allocator_api2_04);
    };
}

pub(crate) use versions;
