//! `inspect`, `list` and `verify`: what is in files, and whether they are whole.

use crate::kit::Folder;
use crate::sample::{self, Sample};
use permacode_model::ImageFile;

#[test]
fn inspect_shows_what_takes_the_space() {
    let folder = Folder::new("inspect");
    let sample = Sample::new("mylang 3.2");
    folder.write("mylang.image", &sample.bytes());
    let image = sample.image();
    let ran = folder.run(&["inspect", "mylang.image"]).ends(0);
    assert!(ran.line("digest").ends_with(&image.digest().to_string()));
    assert!(ran.line("window").contains(&format!("{:#x}-", image.window())));
    assert!(ran.line("version").ends_with("\"mylang 3.2\""));
    assert!(ran.line("stands on").ends_with("no other image"));
    // A bar for each section, and the largest has the longest.
    let blocks = |line: &str| line.chars().filter(|c| ('█'..='▏').contains(c)).count();
    for section in ["header", "index", "linked", "leaf", "marks"] {
        assert!(blocks(ran.line(&format!("  {section} "))) >= 1, "{section}");
    }
    assert!(blocks(ran.line("  linked ")) > blocks(ran.line("  header ")));
    let line = ran.line("  text ");
    assert!(line.contains('%') && blocks(line) > blocks(ran.line("  main ")), "modules have bars: {line}");
    ran.says(&["Const", "bytes of gaps", "main", "json"]);
}

#[test]
fn inspect_as_json_has_what_a_second_reader_of_the_format_has() {
    let folder = Folder::new("inspect_json");
    let bytes = Sample::new("mylang 3.2").bytes();
    folder.write("mylang.image", &bytes);
    let (json, file) = (folder.json(&["inspect", "mylang.image"], 0), ImageFile::of(&bytes));
    assert_eq!(json["version"], "mylang 3.2");
    assert_eq!(
        (json["bytes"].as_u64(), json["file_bytes"].as_u64()),
        (Some(bytes.len() as u64), Some(bytes.len() as u64))
    );
    assert_eq!(json["window"]["start"].as_u64(), Some(file.window()));
    assert_eq!(json["names"].as_u64(), Some(file.names.len() as u64));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let types = json["types"].as_array().unwrap();
    assert_eq!(types.len(), file.types.len());
    for ((number, of), row) in types.iter().enumerate().zip(&file.types) {
        assert_eq!((of["name"].as_str(), of["layout"].as_str()), (Some(&*text(&row.name)), Some(&*text(&row.layout))));
        let values: u64 = file.runs.iter().filter(|run| run.of as usize == number).map(|run| run.len).sum();
        assert_eq!((of["values"].as_u64(), of["bytes"].as_u64()), (Some(values), Some(values * row.size)));
    }
    let code = types.iter().find(|of| of["name"] == "Code").unwrap();
    assert_eq!(
        (&code["fields"][4]["name"], &code["fields"][4]["type"], &code["fields"][4]["offset"]),
        (&"flags".into(), &"u32".into(), &56.into())
    );
    let constant = types.iter().find(|of| of["name"] == "Const").unwrap();
    assert_eq!(
        (&constant["variants"][2]["name"], &constant["variants"][2]["fields"][0]["type"]),
        (&"Str".into(), &"&str".into())
    );
    let modules: Vec<_> =
        json["modules"].as_array().unwrap().iter().map(|module| module["name"].as_str().unwrap()).collect();
    assert_eq!(modules, ["json", "main", "text"]);
    let roots: Vec<_> = json["roots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|root| (root["name"].as_str().unwrap(), root["type"].as_str().unwrap(), root["module"].as_str().unwrap()))
        .collect();
    assert_eq!(roots, [("json", "Code", "json"), ("main", "Code", "main"), ("text", "Code", "text")]);
    let sections: u64 =
        json["sections"].as_array().unwrap().iter().map(|section| section["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sections, bytes.len() as u64);
}

#[test]
fn fields_are_shown_when_they_are_asked_for_and_the_rest_is_counted() {
    let folder = Folder::new("fields");
    folder.write("mylang.image", &Sample::new("1").bytes());
    let plain = folder.run(&["inspect", "mylang.image"]).ends(0);
    assert!(!plain.out.contains("Name at 0"));
    folder.run(&["inspect", "--fields", "mylang.image"]).ends(0).says(&[
        "Name at 0",
        "&[Const] at 32",
        "&str at 8",
        "= 3",
    ]);
    let few = folder.run(&["inspect", "--most", "1", "mylang.image"]).ends(0);
    few.says(&["… and 2 more: `permacode list modules`", "… and 2 more: `permacode list roots`"]);
}

#[test]
fn a_layer_says_what_it_stands_on() {
    let folder = Folder::new("layer");
    let [library, layer] = sample::chain();
    folder.write("library.image", &library);
    folder.write("layer.image", &layer);
    let below = folder.json(&["inspect", "library.image"], 0);
    let json = folder.json(&["inspect", "layer.image"], 0);
    assert_eq!(json["parent"]["digest"], below["digest"]);
    assert_eq!(json["window"]["start"], below["window"]["end"]);
    assert_eq!(below["parent"], serde_json::Value::Null);
    let digest = below["digest"].as_str().unwrap();
    assert!(folder.run(&["inspect", "layer.image"]).ends(0).line("stands on").contains(digest));
    folder.run(&["verify", "layer.image", "library.image"]).ends(0).says(&["2 of 2 files are whole"]);
}

#[test]
fn an_image_behind_a_program_is_looked_at_like_any_other() {
    let folder = Folder::new("behind");
    let sample = Sample::new("mylang 3.2");
    folder.write("mylang.image", &sample.bytes());
    let offset = sample.image().embed("/bin/true", folder.join("program")).unwrap();
    let (one, other) = (folder.json(&["inspect", "mylang.image"], 0), folder.json(&["inspect", "program"], 0));
    assert_eq!(
        (&one["digest"], &one["sections"], &one["types"]),
        (&other["digest"], &other["sections"], &other["types"])
    );
    assert_eq!(other["offset"].as_u64(), Some(offset));
    folder.run(&["inspect", "program"]).ends(0).says(&["behind a program, at byte"]);
    folder.run(&["verify", "program"]).ends(0).says(&["whole"]);
    folder.run(&["diff", "mylang.image", "program"]).ends(0).says(&["The contents are the same"]);
}

#[test]
fn lists_have_everything_one_a_line() {
    let folder = Folder::new("list");
    folder.write("mylang.image", &Sample::new("1").bytes());
    let lines = |what: &str| folder.run(&["list", what, "mylang.image"]).ends(0).out.lines().count();
    assert_eq!((lines("roots"), lines("modules"), lines("names")), (4, 4, 55));
    let names = folder.json(&["list", "names", "mylang.image"], 0);
    assert_eq!((names.as_array().unwrap().len(), &names[0], &names[1]), (55, &"json".into(), &"json.f1".into()));
    folder.run(&["list", "types", "mylang.image"]).ends(0).says(&["struct Code { name: Name at 0, ops: &[u8] at 16"]);
    let runs = folder.json(&["list", "runs", "mylang.image"], 0);
    let inspected = folder.json(&["inspect", "mylang.image"], 0);
    let used: u64 = runs.as_array().unwrap().iter().map(|run| run["bytes"].as_u64().unwrap()).sum();
    let modules: u64 =
        inspected["modules"].as_array().unwrap().iter().map(|module| module["bytes"].as_u64().unwrap()).sum();
    assert_eq!(used, modules);
    assert_eq!(folder.json(&["list", "roots", "mylang.image"], 0), inspected["roots"]);
    assert_eq!(folder.json(&["list", "modules", "mylang.image"], 0), inspected["modules"]);
}

#[test]
fn several_files_are_verified_at_once_and_told_in_their_order() {
    let folder = Folder::new("verify");
    let names: Vec<String> = (0..12).map(|number| format!("{number}.image")).collect();
    for (number, name) in names.iter().enumerate() {
        let mut bytes = Sample::new(name).bytes();
        if number % 4 == 3 {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        folder.write(name, &bytes);
    }
    let arguments: Vec<&str> = ["verify"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let json = folder.json(&arguments, 1);
    for (number, (verdict, name)) in json.as_array().unwrap().iter().zip(&names).enumerate() {
        assert_eq!((verdict["path"].as_str(), verdict["ok"].as_bool()), (Some(&**name), Some(number % 4 != 3)));
        assert_eq!(verdict["error"].is_null(), number % 4 != 3);
    }
    let ran = folder.run(&arguments).ends(1).says(&["9 of 12 files are whole", "7.image: the image has the digest"]);
    assert!(ran.err.is_empty(), "no bar where nobody looks: {}", ran.err);
}

#[test]
fn a_digest_is_pinned() {
    let folder = Folder::new("pinned");
    let sample = Sample::new("1");
    folder.write("a.image", &sample.bytes());
    let digest = sample.image().digest().to_string();
    folder.run(&["verify", "--digest", &digest, "a.image"]).ends(0);
    let other = Sample::new("2").image().digest().to_string();
    folder.run(&["verify", "--digest", &other, "a.image"]).ends(1).says(&[&digest, &other, "it is another image"]);
    folder.run(&["verify", "--digest", "12", "a.image"]).ends(2).complains(&["expected 64 hexadecimal digits"]);
}
