//! soundness S40: a writer that is killed at a system call, or refused one, leaves the old image or the new one.

use crate::output::{Folder, write};
use crate::program::{self, Code};
use permacode::image::{Image, ImageError};
use permacode_witness::filter::{self, When};
use permacode_witness::{self as witness, Stepped, namespace};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The calls that rename a file.
#[cfg(target_arch = "x86_64")]
const RENAMES: &[libc::c_long] = &[libc::SYS_rename, libc::SYS_renameat, libc::SYS_renameat2];
#[cfg(not(target_arch = "x86_64"))]
const RENAMES: &[libc::c_long] = &[libc::SYS_renameat, libc::SYS_renameat2];

/// The bytes of the image that `write` makes of a name.
fn bytes(folder: &Folder, name: &str) -> Vec<u8> {
    let path = folder.join("bytes");
    write(name, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    bytes
}

/// Has the kernel know no files without a name.
fn no_unnamed_files() {
    let flags = [When { argument: 2, mask: libc::O_TMPFILE, value: libc::O_TMPFILE }];
    filter::refuse(libc::SYS_openat, &flags, libc::EOPNOTSUPP);
}

/// Kills a writer at the beginning and at the end of each of its system calls.
fn kill_at_each_call(name: &str, prepare: fn()) {
    let folder = Folder::new(name);
    let path = folder.join("image");
    let (old, new) = (bytes(&folder, "old"), bytes(&folder, "new"));
    let (mut olds, mut news) = (0, 0);
    for last in 0.. {
        write("old", &path).unwrap();
        let writer = Stepped::fork(|| {
            prepare();
            write("new", &path).unwrap();
        });
        let mut writer = match writer {
            Ok(writer) => writer,
            Err(why) => return witness::skipped("a writer that is killed at each system call", why),
        };
        let (mut is_renamed, mut has_ended) = (false, false);
        for _ in 0..=last {
            match writer.step().unwrap() {
                None => has_ended = true,
                Some(stop) => {
                    is_renamed |= RENAMES.contains(&stop.call) && stop.returned == Some(0);
                }
            }
            if has_ended {
                break;
            }
        }
        drop(writer);
        let found = std::fs::read(&path).unwrap();
        assert!(found == if is_renamed { &new[..] } else { &old[..] }, "stop {last}");
        // At most one file is left, and its name begins with a dot.
        let names = folder.names();
        let hidden: Vec<_> = names.iter().filter(|name| *name != "image").collect();
        assert!(hidden.len() <= 1 && hidden.iter().all(|name| name.starts_with(".image.")), "{names:?}");
        hidden.iter().for_each(|name| std::fs::remove_file(folder.join(name)).unwrap());
        if is_renamed {
            news += 1
        } else {
            olds += 1
        }
        if has_ended {
            break;
        }
    }
    assert!(olds > 10 && news > 2, "{olds} {news}");
}

#[test]
fn a_writer_that_is_killed_at_any_call_leaves_the_old_image_or_the_new_one() {
    kill_at_each_call("killed", || {});
}

#[test]
fn a_writer_without_unnamed_files_that_is_killed_at_any_call_does_too() {
    kill_at_each_call("killed_named", no_unnamed_files);
}

#[test]
fn the_bytes_are_on_the_disk_before_the_name_is_and_the_name_before_the_call_returns() {
    let folder = Folder::new("order");
    let path = folder.join("image");
    let calls = match Stepped::fork(|| write("order", &path).unwrap()).and_then(Stepped::calls) {
        Ok(calls) => calls,
        Err(why) => return witness::skipped("the order of a writer's system calls", why),
    };
    let kind = |call: libc::c_long| match call {
        libc::SYS_write => Some('w'),
        libc::SYS_fsync => Some('s'),
        libc::SYS_linkat => Some('l'),
        _ if RENAMES.contains(&call) => Some('r'),
        _ => None,
    };
    let order: String = calls.iter().filter_map(|stop| kind(stop.call)).collect();
    assert!(order.ends_with("wslrs"), "{order}");
    assert!(calls.iter().filter(|stop| kind(stop.call).is_some()).all(|stop| stop.returned >= Some(0)));
}

/// Runs a writer that is refused something; the old image stays, with nothing beside it.
#[track_caller]
fn assert_refused(folder: &Folder, code: i32, call: &str, prepare: impl FnOnce()) {
    let path = folder.join("image");
    let old = std::fs::read(&path).unwrap();
    witness::in_child(|| {
        prepare();
        match write("new", &path) {
            Err(ImageError::System { code: found, call: at, .. }) => assert_eq!((found, at), (code, call)),
            other => panic!("{other:?}"),
        }
    });
    assert!(std::fs::read(&path).unwrap() == old);
    assert_eq!(folder.names(), ["image"]);
}

#[test]
fn a_writer_that_is_refused_a_call_leaves_the_old_image_and_says_which() {
    let folder = Folder::new("refused");
    write("old", &folder.join("image")).unwrap();
    let refuse = |call, code| move || filter::refuse(call, &[], code);
    for code in [libc::ENOSPC, libc::EIO, libc::EDQUOT] {
        assert_refused(&folder, code, "writing the image", refuse(libc::SYS_write, code));
        assert_refused(&folder, code, "synchronising the image", refuse(libc::SYS_fsync, code));
        assert_refused(&folder, code, "renaming the image", || {
            RENAMES.iter().for_each(|&call| filter::refuse(call, &[], code));
        });
        assert_refused(&folder, code, "creating the image", || {
            no_unnamed_files();
            let creates = [When { argument: 2, mask: libc::O_CREAT, value: libc::O_CREAT }];
            filter::refuse(libc::SYS_openat, &creates, code);
        });
    }
}

#[test]
fn a_folder_that_cannot_be_synchronised_is_an_error_with_the_new_image_in_place() {
    let folder = Folder::new("folder");
    let (path, new) = (folder.join("image"), bytes(&folder, "new"));
    write("old", &path).unwrap();
    witness::in_child(|| {
        // All that the writer opens to read is the folder, in the end.
        let reads = [When { argument: 2, mask: libc::O_ACCMODE | libc::O_CREAT, value: libc::O_RDONLY }];
        filter::refuse(libc::SYS_openat, &reads, libc::EMFILE);
        let refused = write("new", &path).unwrap_err();
        assert!(
            matches!(refused, ImageError::System { code: libc::EMFILE, call: "opening the folder of the image", .. }),
            "{refused}"
        );
    });
    assert!(std::fs::read(&path).unwrap() == new);
    assert_eq!(folder.names(), ["image"]);
}

#[test]
fn a_system_without_unnamed_files_or_without_names_for_them_has_the_new_image_all_the_same() {
    let folder = Folder::new("named");
    let path = folder.join("image");
    let is_new = |name: &str| {
        assert_eq!(folder.names(), ["image"]);
        let code = program::elsewhere(&Image::load(&path).unwrap().check::<Code<'_>>().unwrap());
        assert_eq!(code.root::<Code<'_>>("main").unwrap().name, name);
    };
    witness::in_child(|| {
        no_unnamed_files();
        write("named", &path).unwrap();
    });
    is_new("named");
    for code in [libc::ENOENT, libc::EPERM, libc::EOPNOTSUPP] {
        let name = format!("no_link_{code}");
        witness::in_child(|| {
            filter::refuse(libc::SYS_linkat, &[], code);
            write(&name, &path).unwrap();
        });
        is_new(&name);
    }
}

#[test]
fn a_disk_that_is_full_keeps_the_old_image() {
    let folder = Folder::new("full_disk");
    let len = bytes(&folder, "new").len();
    let disk = folder.path();
    // Room for one image and some of the next.
    let room = format!("size={}", len.next_multiple_of(witness::page()) + 2 * witness::page());
    let mount = || namespace::mount_with(Path::new("none"), disk, "tmpfs", 0, &room);
    namespace::with_mounts("a full disk", mount, || {
        let path = disk.join("image");
        write("old", &path).unwrap();
        let old = std::fs::read(&path).unwrap();
        // More than once: what was begun leaves no bytes behind.
        for _ in 0..3 {
            let refused = write("new", &path);
            assert!(
                matches!(refused, Err(ImageError::System { code: libc::ENOSPC, call: "writing the image", .. })),
                "{refused:?}"
            );
            assert!(std::fs::read(&path).unwrap() == old);
            assert_eq!(folder.names(), ["image"]);
        }
    });
}

#[test]
fn a_folder_on_a_disk_that_is_read_only_keeps_the_old_image() {
    let folder = Folder::new("read_only_disk");
    write("old", &folder.join("image")).unwrap();
    let disk = folder.path();
    let mount = || {
        namespace::mount(disk, disk, "", libc::MS_BIND)?;
        namespace::mount(Path::new("none"), disk, "", libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY)
    };
    namespace::with_mounts("a disk that is read-only", mount, || {
        let refused = write("new", &disk.join("image"));
        assert!(matches!(refused, Err(ImageError::System { code: libc::EROFS, .. })), "{refused:?}");
        assert_eq!(folder.names(), ["image"]);
    });
}

#[test]
fn a_folder_that_nobody_may_write_to_is_an_error() {
    let folder = Folder::new("read_only");
    write("old", &folder.join("image")).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    assert_refused(&folder, libc::EACCES, "creating the image", || {
        // SAFETY: takes nothing; root may write everywhere, so it becomes somebody else.
        unsafe {
            if libc::geteuid() == 0 {
                assert_eq!(libc::setresuid(65534, 65534, 65534), 0);
            }
        }
    });
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}
