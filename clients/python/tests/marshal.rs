//! Bytes that are no code object: each is a typed error that says where, and no bytes end the program.

use permacode_python::{MarshalError, PycError, marshal, pyc};

/// `compile("", "e.py", "exec")` by Python 3.11.
const EMPTY: &[u8] = b"c\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\xf3\x06\0\0\0\x97\0d\0S\0)\x01N\xa9\0r\x01\0\0\0\xf3\0\0\0\0\
    \xfa\x04e.py\xfa\x08<module>r\x04\0\0\0\x01\0\0\0s\x0f\0\0\0\xf0\x03\x01\x01\x01\xf0\0\x01\x01\x01\xf0\0\x01\x01\x01r\x02\0\0\0";

/// A code object whose constants are these bytes in place of `(None,)`.
fn with_constants(constants: &[u8]) -> Vec<u8> {
    let at = EMPTY.windows(3).position(|bytes| bytes == b")\x01N").expect("its constants are there");
    [&EMPTY[..at], constants, &EMPTY[at + 3..]].concat()
}

fn refusal(bytes: &[u8]) -> MarshalError {
    marshal::read(bytes).expect_err("it is refused")
}

#[test]
fn a_code_object_that_ends_too_early_is_refused_wherever_it_ends() {
    assert!(marshal::read(EMPTY).is_ok());
    for length in 0..EMPTY.len() {
        assert!(matches!(refusal(&EMPTY[..length]), MarshalError::Ends { at, .. } if at <= length), "{length} bytes");
    }
}

#[test]
fn a_changed_byte_is_another_code_object_or_an_error_with_a_place() {
    let mut refused = 0;
    for at in 0..EMPTY.len() {
        for value in 0..=255 {
            let mut bytes = EMPTY.to_vec();
            bytes[at] = value;
            if let Err(error) = marshal::read(&bytes) {
                assert!(error.to_string().contains("byte"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 5_000, "{refused}");
}

#[test]
fn each_reason_is_told_from_the_others() {
    let refused = |constants: &[u8]| refusal(&with_constants(constants));
    assert!(matches!(refused(b")\x01[\0\0\0\0"), MarshalError::Kind { kind: b'[', .. }));
    assert!(matches!(refused(b"N"), MarshalError::Expected { found: "None", .. }));
    assert!(matches!(refused(b")\x01r\x63\0\0\0"), MarshalError::Reference { number: 99, .. }));
    assert!(matches!(refused(b")\x01r\xff\xff\xff\xff"), MarshalError::Reference { number: -1, .. }));
    assert!(matches!(refused(b"(\xff\xff\xff\xff"), MarshalError::Length { found: -1, .. }));
    assert!(matches!(refused(b"(\xff\xff\xff\x7f"), MarshalError::Ends { .. }));
    assert!(matches!(refused(b")\x01l\x01\0\0\0\0\x80"), MarshalError::Digit { .. }));
    assert!(matches!(refused(b")\x01z\x01\xff"), MarshalError::Text { .. }));
    assert!(matches!(refused(b")\x01u\x02\0\0\0\xed\xa0"), MarshalError::Text { .. }));
    assert!(matches!(refused(&b")\x01".repeat(1 << 16)), MarshalError::Deep { .. }));
    assert!(matches!(refusal(b"N"), MarshalError::Expected { expected: "a code object", .. }));
    assert_eq!(refusal(&[EMPTY, b"NN"].concat()), MarshalError::Left { at: EMPTY.len(), left: 2 });
}

#[test]
fn a_tuple_that_holds_itself_is_refused() {
    // It refers to itself while it is read. It is value 1, behind the instructions.
    assert!(matches!(refusal(&with_constants(b"\xa9\x01r\x01\0\0\0")), MarshalError::Reference { number: 1, .. }));
}

#[test]
fn a_file_of_another_version_is_refused_by_its_magic_number() -> std::io::Result<()> {
    let folder = std::env::temp_dir().join(format!("permacode-python-{}-magic", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(pyc::path(&folder, "new"), [b"\xcb\x0d\x0d\x0a", &[0; 12][..], EMPTY].concat())?;
    std::fs::write(pyc::path(&folder, "short"), &pyc::MAGIC[..])?;
    std::fs::write(pyc::path(&folder, "good"), [&pyc::MAGIC[..], &[0; 12], EMPTY].concat())?;
    let read = ["good", "new", "short", "absent"].map(|name| pyc::read(&folder, name));
    std::fs::remove_dir_all(&folder)?;
    assert!(matches!(
        read,
        [
            Ok(_),
            Err(PycError::Magic(..)),
            Err(PycError::Marshal(_, MarshalError::Ends { .. })),
            Err(PycError::System(..))
        ]
    ));
    Ok(())
}
