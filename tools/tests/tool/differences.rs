//! `diff`: why two images differ.

use crate::kit::Folder;
use crate::sample::{self, Sample};
use serde_json::Value;

/// Compares two samples.
fn diff(name: &str, old: &Sample, new: &Sample) -> (Folder, Value) {
    let folder = Folder::new(name);
    folder.write("old", &old.bytes());
    folder.write("new", &new.bytes());
    let json = folder.json(&["diff", "old", "new"], 1);
    (folder, json)
}

fn is_empty(part: &Value) -> bool {
    part["only_old"] == Value::Array(vec![])
        && part["only_new"] == Value::Array(vec![])
        && part["changed"] == Value::Array(vec![])
}

#[test]
fn equal_images_are_the_same_and_so_are_those_for_another_window() {
    let folder = Folder::new("same");
    let sample = Sample::new("1");
    folder.write("old", &sample.bytes());
    folder.run(&["diff", "old", "old"]).ends(0).says(&["The contents are the same: the digests are equal."]);
    let window = format!("{:#x}", sample.image().window() + (8 << 30));
    folder.run(&["rebase", "old", "--window", &window, "-o", "new"]).ends(0);
    let ran =
        folder.run(&["diff", "old", "new"]).ends(0).says(&["The contents are the same", "for other windows", &window]);
    assert!(!ran.out.contains("Modules"), "all references are as before: {}", ran.out);
    let json = folder.json(&["diff", "old", "new"], 0);
    assert!(
        json["same_contents"] == true
            && is_empty(&json["modules"])
            && is_empty(&json["types"])
            && is_empty(&json["roots"])
    );
}

#[test]
fn another_version_alone_is_told_as_such() {
    let (folder, json) = diff("version", &Sample::new("1"), &Sample::new("2"));
    assert!(is_empty(&json["modules"]) && is_empty(&json["types"]) && is_empty(&json["roots"]), "{json}");
    assert_eq!(json["header"][0], serde_json::json!(["version", "1", "2"]));
    folder.run(&["diff", "old", "new"]).ends(1).says(&["version"]);
}

#[test]
fn a_type_that_differs_is_told_by_its_fields() {
    let folder = Folder::new("types");
    folder.write("old", &Sample::new("3").bytes());
    folder.write("new", &sample::newer());
    let json = folder.json(&["diff", "old", "new"], 1);
    let code = json["types"]["changed"].as_array().unwrap().iter().find(|of| of["name"] == "Code").unwrap();
    let size = (size_of::<sample::Code<'_>>(), size_of::<sample::newer::Code<'_>>());
    let sizes = serde_json::json!(["size", format!("{} bytes", size.0), format!("{} bytes", size.1)]);
    let flags = serde_json::json!(["flags", "u32 at 56", "u64 at 56"]);
    let line = serde_json::json!(["line", "none", "u32 at 64"]);
    assert_eq!(code["parts"], Value::Array(vec![sizes, flags, line]));
    // `Const` leads to another `Code` by name only: its own description is the same.
    let only: Vec<_> =
        json["modules"]["only_old"].as_array().unwrap().iter().map(|module| module["name"].as_str().unwrap()).collect();
    assert_eq!(only, ["main", "text"]);
    folder.run(&["diff", "old", "new"]).ends(1).says(&["u32 at 56", "u64 at 56", "- text, ", "- main"]);
}

#[test]
fn a_constant_that_differs_is_found_in_its_module_and_nowhere_else() {
    let old = Sample::new("1");
    let mut new = old.clone();
    new.number = 8;
    // In one module alone.
    let keep = |sample: &Sample| Sample { modules: vec![("json".to_owned(), 12)], ..sample.clone() };
    let (folder, json) = diff("constant", &keep(&old), &keep(&new));
    let changed = json["modules"]["changed"].as_array().unwrap();
    assert_eq!((changed.len(), &changed[0]["name"]), (1, &"json".into()));
    let values = changed[0]["values"].as_array().unwrap();
    assert_eq!(values.len(), 1, "{json}");
    let [of, old_values, same] = ["type", "old_values", "same_values"].map(|name| &values[0][name]);
    assert_eq!((of.as_str(), old_values), (Some("Const"), &values[0]["new_values"]));
    assert_eq!(same.as_u64().unwrap() + 1, old_values.as_u64().unwrap(), "one differs");
    assert!(values[0]["first"].as_str().unwrap().ends_with("Int.0"), "{json}");
    folder.run(&["diff", "old", "new"]).ends(1).says(&["json", "1 differs, first in value", "Int.0"]);
}

#[test]
fn bytes_that_differ_are_shown() {
    let old = Sample::new("1");
    let new = Sample { op: 0xee, ..old.clone() };
    let (folder, json) = diff("bytes", &old, &new);
    let changed = json["modules"]["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 3, "all modules have instructions");
    assert!(
        changed.iter().all(|module| module["values"].as_array().unwrap().iter().all(|values| values["type"] == "u8")),
        "{json}"
    );
    let values = &changed[0]["values"][0];
    assert!(
        values["old_bytes"].as_str().unwrap().starts_with("01")
            && values["new_bytes"].as_str().unwrap().starts_with("ee")
    );
    folder.run(&["diff", "old", "new"]).ends(1).says(&["first in byte 0: 01", "→ ee"]);
}

#[test]
fn a_function_that_is_added_changes_its_module_alone() {
    let old = Sample::new("1");
    let mut new = old.clone();
    new.modules[0].1 += 1;
    let (_, json) = diff("added", &old, &new);
    let changed: Vec<_> =
        json["modules"]["changed"].as_array().unwrap().iter().map(|module| module["name"].as_str().unwrap()).collect();
    assert_eq!(changed, ["json"], "those behind it lie elsewhere, and are as before");
    let code = json["modules"]["changed"][0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .find(|values| values["type"] == "Code")
        .unwrap();
    assert_eq!((code["old_values"].as_u64(), code["new_values"].as_u64()), (Some(12), Some(13)));
    // The last one has other instructions, and another one is new. The order of the rest is of no concern.
    assert_eq!(code["same_values"], 11);
}

#[test]
fn the_numbers_of_sites_are_of_the_image_and_no_difference() {
    let old = Sample::new("1");
    let mut new = old.clone();
    // Before all others, so that each function of these has other numbers.
    new.modules.insert(0, ("a".to_owned(), 2));
    let (_, json) = diff("sites", &old, &new);
    assert_eq!(
        (&json["modules"]["only_new"][0]["name"], &json["modules"]["changed"]),
        (&"a".into(), &Value::Array(vec![]))
    );
}

#[test]
fn a_reference_to_another_value_of_the_type_is_found() {
    let old = Sample::new("1");
    let new = Sample { calls: 0, ..old.clone() };
    let (folder, json) = diff("reference", &old, &new);
    let values = &json["modules"]["changed"][0]["values"][0];
    assert_eq!((&values["type"], values["moved_references"].as_u64()), (&"Const".into(), Some(1)), "{json}");
    folder.run(&["diff", "old", "new"]).ends(1).says(&["1 reference leads to another value"]);
}

#[test]
fn modules_and_roots_that_only_one_has_are_listed() {
    let old = Sample::new("1");
    let mut new = old.clone();
    new.modules[1].0 = "words".to_owned();
    let (folder, json) = diff("modules", &old, &new);
    assert_eq!(json["modules"]["only_old"][0]["name"], "text");
    assert_eq!(json["modules"]["only_new"][0]["name"], "words");
    assert_eq!((&json["roots"]["only_old"][0], &json["roots"]["only_new"][0]), (&"text".into(), &"words".into()));
    folder.run(&["diff", "old", "new"]).ends(1).says(&["- text, ", "+ words, ", "Roots"]);
}

#[test]
fn a_damaged_image_with_the_digest_of_a_good_one_is_not_called_the_same() {
    let folder = Folder::new("contradicted");
    let good = Sample::new("1").bytes();
    let mut bad = good.clone();
    let at = good.windows(16).position(|bytes| bytes == b"text of json.f10").unwrap();
    bad[at] ^= 1;
    folder.write("old", &good);
    folder.write("new", &bad);
    folder.run(&["diff", "old", "new"]).ends(1).says(&["one of the files is damaged", "permacode verify"]);
}
