//! `top` and `trace`: what processes have in memory.

use crate::kit::Folder;
use crate::sample::{self, Code, Sample};
use permacode::CodeArena;
use permacode::image::Image;
use permacode::pages::{NamedPages, SystemPages};
use permacode_witness::watched;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// What `top` says of a process.
fn top(folder: &Folder, pid: i32) -> Value {
    folder.json(&["top", &pid.to_string()], 0)[0].clone()
}

/// The image of that version, in what `top` says.
#[track_caller]
fn of<'v>(report: &'v Value, version: &str) -> &'v Value {
    let images = report["images"].as_array().unwrap();
    images.iter().find(|image| image["version"] == version).unwrap_or_else(|| panic!("no {version}: {report:#}"))
}

#[track_caller]
fn part<'v>(image: &'v Value, what: &str) -> &'v Value {
    let parts = image["parts"].as_array().unwrap();
    parts.iter().find(|part| part["what"] == what).unwrap_or_else(|| panic!("no {what}: {image:#}"))
}

fn bytes(part: &Value, name: &str) -> u64 {
    part[name].as_u64().unwrap()
}

fn open(image: &Image) -> CodeArena {
    image.clone().check::<Code<'_>>().unwrap().open().unwrap()
}

fn touch_all(arena: &CodeArena) {
    for root in ["json", "text", "main"] {
        assert!(sample::touch(arena.root::<Code<'_>>(root).unwrap()) > 0);
    }
}

/// Maps an image, reads all of it, and keeps it until the process ends.
fn keep_open(path: &Path) {
    // SAFETY: nobody writes to it.
    let arena = open(&unsafe { Image::map(path) }.unwrap());
    touch_all(&arena);
    std::mem::forget(arena);
}

#[test]
fn an_image_that_a_process_has_alone_is_seen_at_its_window() {
    let folder = Folder::new("top_alone");
    let sample = Sample::new("alone");
    let path = folder.write("alone.image", &sample.bytes());
    let digest = sample.image().digest().to_string();
    watched(
        || keep_open(&path),
        |pid| {
            let report = top(&folder, pid);
            let image = of(&report, "alone");
            assert_eq!(image["digest"].as_str(), Some(&*digest));
            assert!(image["name"].as_str().unwrap().ends_with("alone.image"));
            let code = part(image, "code, at its window");
            assert_eq!(bytes(code, "start"), bytes(image, "window"));
            assert!(bytes(code, "resident") > 0 && bytes(code, "private") == 0, "{code:#}");
            assert_eq!(bytes(code, "shared") + bytes(code, "mapped_here_only"), bytes(code, "resident"));
            assert!(image["why_moved"].is_null());
            let shown = folder.run(&["top", &pid.to_string()]).ends(0);
            shown.says(&["code, at its window", "alone.image", "\"alone\"", "the file, for its tables"]);
            // What is reserved around it, and not used, is in the JSON alone.
            let tables = part(image, "the file, for its tables");
            assert_eq!(
                (&tables["end"], &part(image, "the arena's records")["end"]),
                (&code["start"], &tables["start"])
            );
        },
    );
}

#[test]
fn two_processes_share_the_pages_of_a_file() {
    let folder = Folder::new("top_shared");
    let sample = Sample::new("shared");
    let path = folder.write("shared.image", &sample.bytes());
    watched(
        || keep_open(&path),
        |one| {
            watched(
                || keep_open(&path),
                |other| {
                    let reports = folder.json(&["top", &one.to_string(), &other.to_string()], 0);
                    assert_eq!(reports.as_array().unwrap().len(), 2);
                    for report in reports.as_array().unwrap() {
                        let code = part(of(report, "shared"), "code, at its window");
                        assert!(
                            bytes(code, "shared") > 0 && bytes(code, "shared") == bytes(code, "resident"),
                            "{code:#}"
                        );
                    }
                    // Without a number it finds both among all processes.
                    let all = folder.json(&["top"], 0);
                    let pids: Vec<_> =
                        all.as_array().unwrap().iter().filter_map(|report| report["pid"].as_i64()).collect();
                    assert!(pids.contains(&one.into()) && pids.contains(&other.into()), "{pids:?}");
                },
            );
        },
    );
}

#[test]
fn an_image_that_is_opened_twice_is_moved_and_it_says_why_its_copy_is_private() {
    let folder = Folder::new("top_moved");
    let image = Sample::new("moved").image();
    watched(
        || {
            let (first, second) = (open(&image), open(&image));
            touch_all(&first);
            touch_all(&second);
            std::mem::forget((first, second));
        },
        |pid| {
            let report = top(&folder, pid);
            let image = of(&report, "moved");
            let (copy, leaf) = (part(image, "code with references, moved"), part(image, "code without references"));
            assert_eq!(copy["end"], leaf["start"]);
            assert!(bytes(copy, "private") == bytes(copy, "resident") && bytes(copy, "private") > 0, "{copy:#}");
            assert_eq!(bytes(leaf, "private"), 0);
            assert!(image["why_moved"].as_str().unwrap().contains("mapped more than once"), "{image:#}");
            assert_eq!(copy["why"], image["why_moved"]);
            assert!(bytes(part(image, "code, at its window"), "resident") > 0);
            folder
                .run(&["top", &pid.to_string()])
                .ends(0)
                .says(&["moved: it is mapped more than once", "memfd:permacode"]);
        },
    );
}

#[test]
fn code_that_is_loaded_behind_an_image_and_hardened_code_are_seen() {
    let folder = Folder::new("top_loaded");
    let image = Sample::new("loaded").image();
    watched(
        || {
            let arena = open(&image);
            let loader = arena.load("more").unwrap();
            loader.alloc_slice_copy(&[1u8; 50_000]).unwrap();
            loader.seal().unwrap();
            let hardened = CodeArena::new().unwrap();
            let loader = hardened.load("hard").unwrap();
            let code = loader.alloc_slice_copy(&[2u8; 30_000]).unwrap();
            loader.seal().unwrap();
            if hardened.harden().is_ok() {
                assert!(code.iter().all(|&byte| byte == 2));
            }
            std::mem::forget((arena, hardened));
        },
        |pid| {
            let report = top(&folder, pid);
            let loaded = part(of(&report, "loaded"), "code loaded since");
            assert!(bytes(loaded, "private") >= 50_000, "{loaded:#}");
            assert!(loaded["why"].as_str().unwrap().starts_with("written by this process"));
            let images = report["images"].as_array().unwrap();
            let hardened = images.iter().find(|image| image["version"].is_null());
            match hardened {
                Some(image) => {
                    // Only root may look into memory that no descriptor leads to.
                    let what = &image["parts"][0]["what"];
                    assert!(what == "hardened code" || what == "sealed memory", "{image:#}");
                    assert!(bytes(&image["parts"][0], "resident") >= 28_672, "{image:#}");
                }
                None => permacode_witness::skipped("hardened code", "the system makes no sealed memory"),
            }
        },
    );
}

#[test]
fn an_arena_without_an_image_is_seen_by_the_name_of_its_memory() {
    let folder = Folder::new("top_named");
    let pages = Arc::new(NamedPages::new(Arc::new(SystemPages), c"mylang code"));
    let arena = CodeArena::builder().reservation(1 << 20).pages(pages.clone()).build().unwrap();
    if let Some(refused) = pages.refused() {
        permacode_witness::skipped("an arena with a name", refused);
        return;
    }
    watched(
        || {
            let loader = arena.load("m").unwrap();
            loader.alloc_slice_copy(&[1u8; 50_000]).unwrap();
            loader.seal().unwrap();
        },
        |pid| {
            let report = top(&folder, pid);
            let images = report["images"].as_array().unwrap();
            let named = images.iter().find(|image| image["name"] == "[anon:mylang code]");
            let named = named.unwrap_or_else(|| panic!("{report:#}"));
            assert_eq!(named["by_name"], true);
            let sealed = part(named, "read only");
            assert!(bytes(sealed, "private") >= 50_000, "{sealed:#}");
            let ran = folder.run(&["top", &pid.to_string()]).ends(0);
            ran.says(&["[anon:mylang code]  an arena's, or other memory that was named", "read only"]);
            let all = folder.json(&["top"], 0);
            let is_it = |report: &Value| report["pid"].as_i64() == Some(pid.into());
            assert!(!all.as_array().unwrap().iter().any(is_it), "a name alone is no reason to list a process");
        },
    );
}

#[test]
fn an_image_that_a_program_carries_is_seen() {
    let folder = Folder::new("top_carried");
    let path = folder.join("program");
    Sample::new("carried in a program").image().embed("/bin/true", &path).unwrap();
    watched(
        || {
            // SAFETY: nobody writes to it.
            let image = unsafe { Image::of_program(std::fs::File::open(&path).unwrap()) }.unwrap();
            let arena = open(&image);
            touch_all(&arena);
            std::mem::forget(arena);
        },
        |pid| {
            let report = top(&folder, pid);
            assert!(bytes(part(of(&report, "carried in a program"), "code, at its window"), "resident") > 0);
        },
    );
}

#[test]
fn processes_that_are_not_there_or_have_nothing_are_told() {
    let folder = Folder::new("top_none");
    folder.run(&["top", "4194999"]).ends(3).complains(&["process 4194999: there is no such process"]);
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id().to_string();
    let ran = folder
        .run(&["top", &pid, "4194999"])
        .ends(3)
        .says(&["no image, no hardened code, and no memory with a name", "sleep"]);
    assert!(ran.err.contains("4194999"), "one that fails does not hide the others");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_trace_shows_the_pages_that_processes_have_mapped() {
    let folder = Folder::new("trace");
    let path = folder.write("traced.image", &Sample::new("traced").bytes());
    let json = folder.json(&["trace", "traced.image"], 0);
    let pages = bytes(&json, "pages");
    assert_eq!(pages, std::fs::metadata(&path).unwrap().len().div_ceil(bytes(&json, "page")));
    let count = |ranges: &Value| -> u64 {
        ranges.as_array().unwrap().iter().map(|range| bytes(range, "end") - bytes(range, "start")).sum()
    };
    // It was written just now, and read by the tool.
    assert_eq!(count(&json["looks"][0]["cached"]), pages, "{json:#}");
    watched(
        || keep_open(&path),
        |pid| {
            let json = folder
                .json(&["trace", "traced.image", "--pid", &pid.to_string(), "--count", "3", "--every", "0.01"], 0);
            let looks = json["looks"].as_array().unwrap();
            assert_eq!(looks.len(), 3);
            for look in looks {
                assert_eq!(look["processes"][0]["pid"].as_i64(), Some(pid.into()));
                let mapped = count(&look["processes"][0]["mapped"]);
                assert!(mapped > 0 && mapped <= pages, "{json:#}");
            }
            assert_eq!(json["touched"], Value::Array(vec![]), "it is idle");
            let ran = folder.run(&["trace", "traced.image"]).ends(0);
            assert!(ran.line("  linked ").contains(['▓', '█']), "{}", ran.out);
            ran.says(&[&format!("process {pid}"), "pages mapped", "100.0 %"]);
        },
    );
    folder.run(&["trace", "traced.image", "--pid", "4194999"]).ends(3).complains(&["there is no such process"]);
}

#[test]
fn a_page_that_is_touched_while_it_is_watched_is_told() {
    let folder = Folder::new("trace_touched");
    let path = folder.write("traced.image", &Sample::new("touched").bytes());
    let mut trace = folder.command(&[
        "trace",
        "traced.image",
        "--json",
        "--count",
        "200",
        "--every",
        "0.02",
        "--pid",
        &std::process::id().to_string(),
    ]);
    let child = trace.stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(800));
    // SAFETY: nobody writes to it.
    let arena = open(&unsafe { Image::map(&path) }.unwrap());
    touch_all(&arena);
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let looks = json["looks"].as_array().unwrap();
    assert_eq!(looks[0]["processes"], Value::Array(vec![]), "nobody had it mapped");
    assert_eq!(looks[199]["processes"][0]["pid"].as_u64(), Some(std::process::id().into()));
    assert!(!json["touched"].as_array().unwrap().is_empty());
}

#[test]
fn a_process_with_hundreds_of_copies_is_told_in_a_few_lines() {
    let folder = Folder::new("top_many");
    let image = Sample::new("many").image();
    watched(
        || {
            let image = image.clone().check::<Code<'_>>().unwrap();
            let arenas: Vec<_> = (0..200)
                .map(|_| CodeArena::builder().image(&image).anywhere().reservation(1 << 20).build().unwrap())
                .collect();
            std::mem::forget(arenas);
        },
        |pid| {
            let copies = of(&top(&folder, pid), "many")["parts"].as_array().unwrap().len();
            assert!(copies >= 300, "{copies}");
            let ran = folder.run(&["top", &pid.to_string()]).ends(0);
            assert!(ran.out.lines().count() < 15, "{}", ran.out);
            assert!(ran.line("code with references, moved").contains(" places"), "{}", ran.out);
        },
    );
}
