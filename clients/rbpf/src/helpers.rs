//! Functions of the host's that programs call by number.

use super::error::EbpfError;
use rbpf::{EbpfVmMbuff, EbpfVmRaw};

/// Functions that programs may call, each by a number: what `call` in eBPF means.
///
/// A compiled program holds their addresses, so it is bound to this process and to its forks.
#[derive(Clone, Debug, Default)]
pub struct Helpers {
    all: Vec<(u32, rbpf::Helper)>,
}

impl Helpers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more, or another one in the place of that number.
    pub fn with(mut self, number: u32, helper: rbpf::Helper) -> Self {
        self.all.push((number, helper));
        self
    }

    pub(crate) fn register(&self, vm: &mut EbpfVmMbuff<'_>) -> Result<(), EbpfError> {
        Ok(self.all.iter().try_for_each(|&(number, helper)| vm.register_helper(number, helper))?)
    }

    pub(crate) fn register_raw(&self, vm: &mut EbpfVmRaw<'_>) -> Result<(), EbpfError> {
        Ok(self.all.iter().try_for_each(|&(number, helper)| vm.register_helper(number, helper))?)
    }
}
