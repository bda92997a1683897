//! How much of it is `unsafe`, counted, beside what the README says.

use std::fs;
use std::path::Path;

/// The `unsafe` blocks, functions and implementations in all files of a folder.
fn count(folder: &Path) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found += count(&path);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        found += code.map(|line| KINDS.iter().map(|kind| line.matches(kind).count()).sum::<usize>()).sum::<usize>();
    }
    found
}

/// In two parts each, so that this file counts as none.
const KINDS: [&str; 4] =
    [concat!("unsafe", " {"), concat!("unsafe", " fn"), concat!("unsafe", " impl"), concat!("unsafe", " extern")];

#[test]
fn the_readme_says_how_many_unsafe_blocks_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let row = readme.lines().find(|line| line.starts_with("| `unsafe` blocks |")).expect("no such row");
    let numbers: Vec<usize> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
    let [before, now] = numbers[..] else { panic!("{row}: two numbers, before and now") };
    assert_eq!(count(&root.join("src")), now);
    assert!(now <= before, "the kit brought more of it: {row}");
}
