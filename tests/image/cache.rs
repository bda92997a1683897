//! Caches that build themselves: what is found, what is built, and what is kept.

use crate::output::Folder;
use crate::program::{self, Code, assert_is};
use permacode::CodeArena;
use permacode::image::{CacheOutcome, Cached, Distrust, ImageCache, ImageError, ImageWriter, NotKept};
use permacode_witness::filter::{self, When};
use permacode_witness::{self as witness, Stepped, namespace};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const BUILT: CacheOutcome = CacheOutcome::Built { instead_of: None, without_lock: None };

/// The writer of an image with a function of this name.
pub fn load<'a>(arena: &'a CodeArena, name: &str) -> Result<ImageWriter<'a>, ImageError> {
    let loader = arena.load("m")?;
    let code = program::load(&loader, name)?;
    loader.seal()?;
    ImageWriter::new(arena).root("main", code)
}

/// A cache that copies what it opens, and one that maps it.
fn both(folder: &Path) -> [ImageCache; 2] {
    // SAFETY: nobody but the caches of this test writes there.
    let mapped = unsafe { ImageCache::new(folder).mapped() };
    [ImageCache::new(folder), mapped]
}

fn open(cache: &ImageCache, name: &str) -> Cached {
    cache.open_or_build::<Code<'_>, ImageError>(name, |arena| load(arena, name)).unwrap()
}

#[track_caller]
fn assert_has(cached: &Cached, name: &str) {
    assert_is(program::elsewhere(&cached.image).root("main").unwrap(), name);
}

/// The names in a folder that are not hidden.
fn images(folder: &Folder) -> Vec<PathBuf> {
    folder.names().iter().filter(|name| !name.starts_with('.')).map(|name| folder.join(name)).collect()
}

/// The only image of a folder.
#[track_caller]
fn only_image(folder: &Folder) -> PathBuf {
    let [path] = &images(folder)[..] else { panic!("{:?}", folder.names()) };
    path.clone()
}

#[test]
fn an_image_is_built_once_for_each_key_and_each_type() {
    let folder = Folder::new("cache_keys");
    for (round, cache) in both(folder.path()).iter().enumerate() {
        for name in ["one", "two", "a/../key with\0 anything"] {
            let cached = open(cache, name);
            assert_eq!(cached.outcome, if round == 0 { BUILT } else { CacheOutcome::Found });
            assert_has(&cached, name);
            assert_eq!(open(cache, name).outcome, CacheOutcome::Found);
        }
    }
    assert_eq!(images(&folder).len(), 3);
    let of_another_type = ImageCache::new(folder.path()).open_or_build::<u32, ImageError>("one", |arena| {
        let loader = arena.load("m")?;
        let seven = loader.alloc(7u32)?;
        loader.seal()?;
        ImageWriter::new(arena).root("seven", seven)
    });
    assert_eq!(of_another_type.unwrap().outcome, BUILT);
    assert_eq!(images(&folder).len(), 4);
}

#[test]
fn a_mapped_cache_shares_the_file_and_another_copies_it() {
    let folder = Folder::new("cache_mapped");
    // SAFETY: nobody but the cache writes there.
    let mapped = unsafe { ImageCache::new(folder.path()).mapped() };
    let number = |cached: &Cached| cached.image.file().metadata().unwrap().ino();
    let (built, found) = (open(&mapped, "a"), open(&mapped, "a"));
    let file = std::fs::metadata(only_image(&folder)).unwrap();
    assert_eq!((number(&built), number(&found)), (file.ino(), file.ino()));
    assert_eq!(file.permissions().mode() & 0o022, 0);
    let copied = open(&ImageCache::new(folder.path()), "a");
    assert_ne!(number(&copied), file.ino());
    assert_eq!(copied.image.digest(), built.image.digest());
    // SAFETY: it was written right here.
    let trusted = open(&unsafe { mapped.trusted() }, "a");
    assert_has(&trusted, "a");
}

#[test]
fn a_file_that_is_damaged_or_of_other_types_or_not_trusted_is_built_anew() {
    let folder = Folder::new("cache_damaged");
    let cache = ImageCache::new(folder.path());
    open(&cache, "a");
    let path = only_image(&folder);
    let good = std::fs::read(&path).unwrap();
    let mut flipped = good.clone();
    // Within a value that no check of types finds wrong.
    let opcodes = flipped.windows(5).position(|bytes| bytes == [1, 2, 3, 4, 5]).unwrap();
    flipped[opcodes] = 9;
    let number = {
        let arena = CodeArena::new().unwrap();
        let loader = arena.load("m").unwrap();
        let seven = loader.alloc(7u32).unwrap();
        loader.finish();
        let mut bytes = Vec::new();
        ImageWriter::new(&arena).root("main", seven).unwrap().write_to(&mut bytes).unwrap();
        bytes
    };
    type Expected = fn(&ImageError) -> bool;
    let damages: [(&[u8], u32, Expected); 5] = [
        (&flipped, 0o644, |why| matches!(why, ImageError::Digest { .. })),
        (&good[..good.len() - 1], 0o644, |why| matches!(why, ImageError::Length { .. })),
        (b"", 0o644, |why| matches!(why, ImageError::NoImage)),
        (&number, 0o644, |why| matches!(why, ImageError::Type(_))),
        (&good, 0o666, |why| matches!(why, ImageError::Untrusted(_))),
    ];
    for (bytes, mode, expected) in damages {
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let cached = open(&cache, "a");
        let CacheOutcome::Built { instead_of: Some(why), without_lock: None } = &cached.outcome else {
            panic!("{:?}", cached.outcome)
        };
        assert!(expected(why), "{why}");
        assert_has(&cached, "a");
        assert!(std::fs::read(&path).unwrap() == good);
        assert_eq!(open(&cache, "a").outcome, CacheOutcome::Found);
    }
}

#[test]
fn a_root_that_the_types_do_not_lead_to_and_a_build_that_fails_are_errors_and_leave_nothing() {
    let folder = Folder::new("cache_errors");
    let cache = ImageCache::new(folder.path());
    let other = cache.open_or_build::<u64, ImageError>("a", |arena| load(arena, "a"));
    assert!(matches!(&other, Err(ImageError::Type(mismatch)) if mismatch.expected.0 == "u64"), "{other:?}");
    let failed = cache.open_or_build::<u64, ImageError>("a", |_| Err(ImageError::StillOpen));
    assert_eq!(failed.unwrap_err(), ImageError::StillOpen);
    let panicked = std::panic::catch_unwind(|| {
        let _ = cache.open_or_build::<u64, ImageError>("a", |_| panic!("what this test is about"));
    });
    assert!(panicked.is_err());
    assert_eq!(folder.names(), [".lock"]);
    // None of them kept the lock.
    let hasty = cache.patience(Duration::ZERO);
    assert_eq!(open(&hasty, "a").outcome, BUILT);
}

#[test]
fn one_who_loses_patience_builds_for_itself() {
    let folder = Folder::new("cache_patience");
    let cache = ImageCache::new(folder.path()).patience(Duration::from_millis(30));
    let outer = cache.open_or_build::<Code<'_>, ImageError>("a", |arena| {
        let inner = open(&cache, "a");
        let CacheOutcome::NotKept(NotKept::Busy { waited }) = inner.outcome else { panic!("{:?}", inner.outcome) };
        assert!(waited >= Duration::from_millis(30));
        assert_has(&inner, "a");
        // Another key is another lock.
        assert_eq!(open(&cache, "b").outcome, BUILT);
        load(arena, "a")
    });
    assert_eq!(outer.unwrap().outcome, BUILT);
    assert_eq!(open(&cache, "a").outcome, CacheOutcome::Found);
}

/// Opens the image of a key in a child, which `prepare` has made less able; expects it not to be kept.
#[track_caller]
fn assert_not_kept(folder: &Path, code: i32, prepare: impl FnOnce()) {
    witness::in_child(|| {
        prepare();
        for cache in both(folder) {
            let cached = open(&cache, "new");
            assert!(
                matches!(&cached.outcome, CacheOutcome::NotKept(NotKept::Refused(ImageError::System { code: found, .. })) if *found == code),
                "{}",
                cached.outcome
            );
            assert_has(&cached, "new");
        }
    });
}

/// Root may write everywhere, so it becomes somebody else.
fn become_nobody() {
    // SAFETY: the child's own users.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setresuid(65534, 65534, 65534), 0);
        }
    }
}

#[test]
fn a_folder_that_is_read_only_gives_what_it_has_and_keeps_nothing() {
    let folder = Folder::new("cache_read_only");
    open(&ImageCache::new(folder.path()), "old");
    let names = folder.names();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    assert_not_kept(folder.path(), libc::EACCES, || {
        become_nobody();
        assert_eq!(open(&ImageCache::new(folder.path()), "old").outcome, CacheOutcome::Found);
    });
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(folder.names(), names);
}

#[test]
fn a_folder_that_cannot_be_made_keeps_nothing_and_one_that_can_is_its_owners() {
    let folder = Folder::new("cache_none");
    std::fs::write(folder.join("file"), "").unwrap();
    assert_not_kept(&folder.join("file"), libc::EEXIST, || {});
    let made = folder.join("some/where");
    assert_eq!(open(&ImageCache::new(&made), "a").outcome, BUILT);
    assert_eq!(std::fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn links_and_folders_in_the_place_of_files_are_not_followed() {
    let folder = Folder::new("cache_links");
    let cache = ImageCache::new(folder.path());
    open(&cache, "a");
    let (path, aside) = (only_image(&folder), folder.join(".aside"));
    // An image by a link is replaced by one of its own, and what the link leads to stays.
    std::fs::rename(&path, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &path).unwrap();
    let before = std::fs::metadata(&aside).unwrap().ino();
    let CacheOutcome::Built { instead_of: Some(why), .. } = open(&cache, "a").outcome else { panic!() };
    assert_eq!(why, ImageError::Untrusted(Distrust::SymbolicLink));
    assert!(!std::fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&aside).unwrap().ino(), before);
    // A folder cannot be replaced by a file.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let cached = open(&cache, "a");
    assert!(
        matches!(
            &cached.outcome,
            CacheOutcome::NotKept(NotKept::Refused(ImageError::System { code: libc::EISDIR, .. }))
        ),
        "{}",
        cached.outcome
    );
    assert_has(&cached, "a");
    std::fs::remove_dir(&path).unwrap();
    // A lock by a link would be made wherever that leads.
    std::fs::remove_file(folder.join(".lock")).unwrap();
    std::os::unix::fs::symlink(folder.join("elsewhere"), folder.join(".lock")).unwrap();
    let cached = open(&cache, "a");
    assert!(
        matches!(
            &cached.outcome,
            CacheOutcome::NotKept(NotKept::Refused(ImageError::System { code: libc::ELOOP, .. }))
        ),
        "{}",
        cached.outcome
    );
    assert!(!folder.join("elsewhere").exists());
}

#[test]
fn a_file_that_cannot_be_synchronised_is_not_kept() {
    let folder = Folder::new("cache_refused");
    for code in [libc::ENOSPC, libc::EIO, libc::EDQUOT] {
        assert_not_kept(folder.path(), code, || filter::refuse(libc::SYS_fsync, &[], code));
    }
    assert_eq!(folder.names(), [".lock"]);
}

#[test]
fn a_disk_that_is_full_keeps_nothing_and_the_image_is_there() {
    let folder = Folder::new("cache_full");
    let disk = folder.path();
    let mount = || namespace::mount_with(Path::new("none"), disk, "tmpfs", 0, "size=4096");
    namespace::with_mounts("a cache on a full disk", mount, || {
        for _ in 0..3 {
            let cached = open(&ImageCache::new(disk), "a");
            let CacheOutcome::NotKept(NotKept::Refused(why)) = &cached.outcome else { panic!("{}", cached.outcome) };
            assert!(matches!(why, ImageError::System { code: libc::ENOSPC, .. }), "{why}");
            assert_has(&cached, "a");
            assert!(images(&folder).is_empty());
        }
    });
}

#[test]
fn a_file_system_without_locks_has_the_image_all_the_same_and_says_so() {
    let folder = Folder::new("cache_no_locks");
    for code in [libc::ENOLCK, libc::EINVAL, libc::EOPNOTSUPP] {
        witness::in_child(|| {
            let locks = [When { argument: 1, mask: !0, value: libc::F_OFD_SETLK }];
            filter::refuse(libc::SYS_fcntl, &locks, code);
            let cached = open(&ImageCache::new(folder.path()), "a");
            let CacheOutcome::Built { instead_of: None, without_lock: Some(why) } = &cached.outcome else {
                panic!("{}", cached.outcome)
            };
            assert!(matches!(why, ImageError::System { code: found, .. } if *found == code), "{why}");
            assert_has(&cached, "a");
        });
        assert_eq!(open(&ImageCache::new(folder.path()), "a").outcome, CacheOutcome::Found);
        std::fs::remove_file(only_image(&folder)).unwrap();
    }
}

#[test]
fn what_is_old_goes_when_something_new_comes_and_whoever_has_it_open_keeps_it() {
    let folder = Folder::new("cache_old");
    // SAFETY: nobody but the cache writes there.
    let cache = unsafe { ImageCache::new(folder.path()).mapped() }.max_age(Duration::from_secs(7200)).max_bytes(0);
    let old = open(&cache, "old");
    let path = only_image(&folder);
    open(&cache, "fresh");
    assert_eq!(images(&folder).len(), 2, "nothing fresh goes, whatever room there is");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(7300);
    std::fs::File::open(&path).unwrap().set_modified(long_ago).unwrap();
    open(&cache, "new");
    assert!(!path.exists());
    assert_eq!(images(&folder).len(), 2);
    assert_has(&old, "old");
    // What is found is noted as used.
    let path = only_image_of(&folder, &cache, "fresh");
    std::fs::File::open(&path).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(open(&cache, "fresh").outcome, CacheOutcome::Found);
    assert!(std::fs::metadata(&path).unwrap().modified().unwrap() > long_ago + Duration::from_secs(7000));
}

/// The file of a key that is in the cache.
fn only_image_of(folder: &Folder, cache: &ImageCache, name: &str) -> PathBuf {
    let number = open(cache, name).image.file().metadata().unwrap().ino();
    images(folder).into_iter().find(|path| std::fs::metadata(path).unwrap().ino() == number).unwrap()
}

// soundness S40: a builder that is killed at any of its system calls leaves no lock, and the next one leaves nothing of it.
#[test]
fn a_builder_that_is_killed_at_any_call_is_followed_by_the_next() {
    let folder = Folder::new("cache_killed");
    let cache = ImageCache::new(folder.path()).patience(Duration::from_secs(60));
    let (mut built, mut found) = (0, 0);
    for last in 0.. {
        let builder = Stepped::fork(|| {
            open(&cache, "a");
        });
        let mut builder = match builder {
            Ok(builder) => builder,
            Err(why) => return witness::skipped("a builder that is killed at each system call", why),
        };
        let has_ended = (0..=last).any(|_| builder.step().unwrap().is_none());
        drop(builder);
        match open(&cache.clone().patience(Duration::ZERO), "a").outcome {
            CacheOutcome::Found => found += 1,
            outcome => {
                assert_eq!(outcome, BUILT);
                built += 1;
            }
        }
        let path = only_image(&folder);
        assert_eq!(folder.names(), [".lock", path.file_name().unwrap().to_str().unwrap()]);
        std::fs::remove_file(path).unwrap();
        if has_ended {
            break;
        }
    }
    assert!(built > 10 && found > 2, "{built} {found}");
}
