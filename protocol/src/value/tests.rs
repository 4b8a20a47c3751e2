use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::{Malformed, Object, Value, canonical, cbor, json};
use crate::limits::Limits;

fn parse(text: &str) -> Result<Value<'_>, Malformed> {
    json::parse(text, &Limits::DEFAULT)
}

fn acj(text: &str) -> String {
    let value = parse(text).unwrap();
    canonical::ascii(value.as_object().unwrap(), &[]).unwrap()
}

#[test]
fn numbers_keep_what_their_literal_said() {
    assert_eq!(parse("1"), Ok(Value::Int(1)));
    assert_eq!(parse("1.0"), Ok(Value::Float(1.0)));
    assert_eq!(parse("1e0"), Ok(Value::Float(1.0)));
    assert_eq!(parse("-0"), Ok(Value::Int(0)));
    assert_eq!(parse("18446744073709551615"), Ok(Value::Uint(u64::MAX)));
    assert_eq!(parse("-9223372036854775808"), Ok(Value::Int(i64::MIN)));
    for out_of_range in ["18446744073709551616", "-9223372036854775809", "1e309", "-1e309"] {
        assert_eq!(
            parse(out_of_range),
            Err(Malformed::Number { at: 0 }),
            "{out_of_range}"
        );
    }
    assert_eq!(parse("1e-400"), Ok(Value::Float(0.0)));
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "\"\\x\"",
        "\"\n\"",
        "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "nul",
        "tru",
        "//",
        "\u{feff}1",
    ] {
        assert!(
            matches!(parse(text), Err(Malformed::Syntax { .. })),
            "{text:?}: {:?}",
            parse(text)
        );
    }
    assert!(matches!(parse("1 2"), Err(Malformed::Trailing { .. })));
}

#[test]
fn a_name_twice_at_any_depth_is_refused() {
    let twice = Err(Malformed::Duplicate { name: "a".to_owned() });
    assert_eq!(parse(r#"{"a":1,"a":1}"#), twice);
    assert_eq!(parse(r#"{"b":[{"a":1,"\u0061":2}]}"#), twice);
    let many: Vec<String> = (0..100).map(|n| format!("\"m{n}\":0")).collect();
    let many = many.join(",");
    assert!(parse(&format!("{{{many}}}")).is_ok());
    assert_eq!(
        parse(&format!("{{{many},\"m7\":1}}")),
        Err(Malformed::Duplicate {
            name: "m7".to_owned()
        })
    );
}

#[test]
fn depth_and_nodes_end_at_their_limits() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&nested(64)).is_ok());
    assert_eq!(parse(&nested(65)), Err(Malformed::Depth { limit: 64 }));
    let siblings = format!("[[],[],{}]", nested(64));
    assert_eq!(
        parse(&siblings),
        Err(Malformed::Depth { limit: 64 }),
        "what was closed no longer counts, nor less"
    );
    assert!(parse(&format!("[[],[],{}]", nested(63))).is_ok());
    let few = Limits {
        nodes: 4,
        ..Limits::DEFAULT
    };
    assert!(json::parse("[1,2,3]", &few).is_ok());
    assert_eq!(json::parse("[1,2,3,4]", &few), Err(Malformed::Nodes { limit: 4 }));
    assert_eq!(
        cbor::parse(&[0x84, 1, 2, 3, 4], &few),
        Err(Malformed::Nodes { limit: 4 })
    );
    assert_eq!(
        cbor::parse(&[[0x81].repeat(65), vec![0]].concat(), &Limits::DEFAULT),
        Err(Malformed::Depth { limit: 64 })
    );
}

#[test]
fn text_without_escapes_borrows_from_the_input() {
    let value = parse(r#"{"né":"plain","e\n":"a\"b"}"#).unwrap();
    let members: Vec<_> = value.as_object().unwrap().clone().into_iter().collect();
    assert!(matches!(
        members[0],
        (Cow::Borrowed("né"), Value::Text(Cow::Borrowed("plain")))
    ));
    assert!(
        matches!(&members[1], (Cow::Owned(name), Value::Text(Cow::Owned(text))) if name == "e\n" && text == "a\"b")
    );
}

#[test]
fn floats_are_written_with_the_fewest_digits_that_read_back() {
    for (literal, canonical) in [
        ("1.0", "1.0"),
        ("100e-2", "1.0"),
        ("0.1", "0.1"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("0.0000123", "1.23e-05"),
        ("1e15", "1000000000000000.0"),
        ("1e16", "1e+16"),
        ("15000000000000000.0", "1.5e+16"),
        ("123456789012345.6", "123456789012345.6"),
        ("1e22", "1e+22"),
        ("1e100", "1e+100"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("-0.0", "-0.0"),
        ("-2.5e-7", "-2.5e-07"),
    ] {
        assert_eq!(
            acj(&format!("{{\"f\":{literal}}}")),
            format!("{{\"f\":{canonical}}}")
        );
    }
}

#[test]
fn the_canonical_form_escapes_all_but_printable_ascii() {
    assert_eq!(
        acj("{\"\u{1F600}\":\"/\u{7f}\u{e9}\\u0001\"}"),
        "{\"\\ud83d\\ude00\":\"/\\u007f\\u00e9\\u0001\"}"
    );
    let value = parse("{\"b\":\"\u{e9}\u{7f}\",\"a\":null}").unwrap();
    let object = value.as_object().unwrap();
    assert_eq!(
        canonical::raw(object, &[]).unwrap(),
        "{\"a\":null,\"b\":\"\u{e9}\u{7f}\"}"
    );
    assert_eq!(canonical::ascii(object, &["b"]).unwrap(), "{\"a\":null}");
    assert_eq!(json::text(&value).unwrap(), "{\"b\":\"\u{e9}\u{7f}\",\"a\":null}");
}

#[test]
fn byte_strings_have_no_json_form() {
    let value = Value::Bytes(Cow::Borrowed(&[1]));
    assert_eq!(json::text(&value), Err(Malformed::Bytes));
    assert_eq!(serde_json::Value::from(&value), serde_json::json!("AQ=="));
}

#[test]
fn cbor_refuses_what_the_profile_leaves_out() {
    for bytes in [
        &[0x7f, 0x61, 0x61, 0xff][..],                              // indefinite text
        &[0xbf, 0xff],                                              // indefinite map
        &[0xc0, 0x61, 0x61],                                        // tag
        &[0xe0],                                                    // simple value 0
        &[0xf8, 0x20],                                              // simple value 32
        &[0x1c],                                                    // reserved head
        &[0xff],                                                    // break
        &[0x61, 0xff],                                              // not UTF-8
        &[0xa1, 0x01, 0x01],                                        // name is not text
        &[0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2],                      // name twice
        &[0x3b, 0x80, 0, 0, 0, 0, 0, 0, 0],                         // below -2^63
        &[0xf9, 0x7e, 0x00],                                        // NaN
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], // longer than any input
    ] {
        assert!(cbor::parse(bytes, &Limits::DEFAULT).is_err(), "{bytes:02x?}");
    }
    assert_eq!(
        cbor::parse(&[0xf9, 0x3c, 0x00], &Limits::DEFAULT),
        Ok(Value::Float(1.0)),
        "16-bit floats are read"
    );
}

#[derive(Debug, PartialEq, Deserialize)]
struct Typed {
    count: u64,
    ratio: Option<f64>,
    #[serde(default)]
    list: Vec<String>,
    inner: Option<BTreeMap<String, u8>>,
}

#[test]
fn typed_reading_takes_null_for_absent() {
    let value = parse(r#"{"count":1,"ratio":2,"list":null,"inner":null,"unknown":[]}"#).unwrap();
    assert_eq!(
        value.read::<Typed>(),
        Ok(Typed {
            count: 1,
            ratio: Some(2.0),
            list: Vec::new(),
            inner: None
        })
    );
}

#[test]
fn typed_reading_takes_integers_from_integer_literals_only() {
    for wrong in ["1.0", "\"1\"", "true", "-1", "null"] {
        let text = format!("{{\"count\":{wrong}}}");
        assert!(parse(&text).unwrap().read::<Typed>().is_err(), "{wrong}");
    }
}

#[test]
fn typed_reading_takes_members_from_objects_only() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "what is read is not looked at")]
        inner: Typed,
    }
    let array = parse("[1,2.0,[],{}]").unwrap();
    let error = array.read::<Typed>().unwrap_err();
    assert_eq!(error.to_string(), "must be an object");
    let nested = parse(r#"{"inner":[1,2.0,[],{}]}"#).unwrap();
    let error = nested.read::<Outer>().unwrap_err();
    assert_eq!(error.to_string(), "inner: must be an object");
}

#[test]
fn typed_reading_names_the_member_at_fault() {
    let value = parse(r#"{"count":1,"inner":{"x":300}}"#).unwrap();
    let error = value.read::<Typed>().unwrap_err();
    assert_eq!(error.path, "inner.x");
    assert_eq!(error.to_string(), "inner.x: must be a whole number from 0 to 255");
}

#[test]
fn typed_reading_speaks_of_json_and_repeats_no_long_number() {
    #[derive(Debug, Deserialize)]
    struct Wire {
        #[expect(dead_code, reason = "what is read is not looked at")]
        tokens: u64,
    }
    for (text, told) in [
        ("7", "must be an object"),
        ("null", "must be an object"),
        (
            r#"{"tokens":1e300}"#,
            "tokens: must be a whole number of 0 or more",
        ),
        (r#"{"tokens":"1"}"#, "tokens: must be a whole number of 0 or more"),
        (r#"{"tokens":-1}"#, "tokens: must be a whole number of 0 or more"),
    ] {
        let error = parse(text).unwrap().read::<Wire>().unwrap_err();
        assert_eq!(error.to_string(), told, "{text}");
    }
}

/// Trees of both encodings; with byte strings only where asked.
fn tree(with_bytes: bool) -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (i64::MAX as u64 + 1..).prop_map(Value::Uint),
        any::<f64>()
            .prop_filter("finite", |float| float.is_finite())
            .prop_map(Value::Float),
        any::<String>().prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(move |bytes| {
            if with_bytes {
                Value::Bytes(Cow::Owned(bytes))
            } else {
                Value::from(bytes.len() as u64)
            }
        }),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_reads_back_what_was_written(value in tree(false)) {
        let text = json::text(&value).unwrap();
        prop_assert_eq!(parse(&text).unwrap(), value);
    }

    #[test]
    fn cbor_reads_back_what_was_written(value in tree(true)) {
        let bytes = cbor::encode(&value);
        let back = cbor::parse(&bytes, &Limits::DEFAULT).unwrap();
        prop_assert_eq!(&cbor::encode(&back), &bytes);
        prop_assert_eq!(back, value);
    }

    #[test]
    fn the_canonical_form_is_a_fixed_point_and_agrees_with_cbor_on_order(value in tree(false)) {
        let object: Object<'_> = [("top", value)].into_iter().collect();
        let text = canonical::ascii(&object, &[]).unwrap();
        prop_assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)));
        prop_assert_eq!(&acj(&text), &text);
        let tree = Value::Object(object);
        let encoded = cbor::encode(&tree);
        let through = cbor::parse(&encoded, &Limits::DEFAULT).unwrap();
        prop_assert_eq!(json::text(&through).unwrap(), canonical::raw(tree.as_object().unwrap(), &[]).unwrap());
    }

    #[test]
    fn no_text_makes_the_json_parser_panic(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn no_json_like_text_makes_the_json_parser_panic(text in "[\\[\\]{}\",:\\\\ud8dc0-9eE+.\\-ntrfals \n]{0,64}") {
        if let Ok(value) = parse(&text) {
            let written = json::text(&value).unwrap();
            prop_assert_eq!(parse(&written).unwrap(), value);
        }
    }

    #[test]
    fn no_bytes_make_the_cbor_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(value) = cbor::parse(&bytes, &Limits::DEFAULT) {
            prop_assert_eq!(cbor::parse(&cbor::encode(&value), &Limits::DEFAULT).map(|back| cbor::encode(&back)), Ok(cbor::encode(&value)));
        }
    }
}
