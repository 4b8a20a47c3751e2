//! Signatures, nonces, checksums, containers and byte strings on the way in.

use super::*;

fn signed(members: &[(&str, &str)]) -> String {
    let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
    let object = tree.as_object_mut().unwrap();
    for (name, value) in members {
        object.set(
            (*name).to_owned(),
            json::parse(value, &Limits::DEFAULT).unwrap().into_owned(),
        );
    }
    let sig = signature::of(object, &secret()).unwrap();
    object.set("sig", sig);
    json::text(&tree).unwrap()
}

#[test]
fn signatures_are_judged_after_structure_and_before_nonces() {
    let secret = secret();
    let policy = Policy {
        required: Required {
            sig: true,
            nonce: true,
            ..Required::default()
        },
        keys: Keys {
            ring: None,
            default: Some(&secret),
        },
        ..Policy::baseline(&Limits::DEFAULT)
    };
    let stamps = [("nonce", "\"n-12345678\""), ("ts", "1800000000")];
    let good = signed(&stamps);
    let mut seen = Vec::new();
    let received = ingress(NOW, Incoming::Text(&good), &policy, &mut |nonce| {
        seen.push((nonce.nonce.to_owned(), nonce.ts, nonce.kid.map(str::to_owned)));
        Ok(())
    });
    assert!(received.unwrap().is_signed);
    assert_eq!(
        seen,
        [("n-12345678".to_owned(), Some(NOW), None)],
        "seconds became milliseconds"
    );

    let mut never =
        |_: Nonce<'_>| -> Result<(), Fault> { panic!("an unproven nonce must not reach the store") };
    let mut judge = |text: &str| {
        ingress(NOW, Incoming::Text(text), &policy, &mut never)
            .unwrap_err()
            .code
    };
    assert_eq!(judge(&good.replace("\"hi\"", "\"ho\"")), Code::Auth);
    assert_eq!(
        judge(&good.replace("\"gold\"", "\"Gold\"")),
        Code::Proto,
        "structure first"
    );
    assert_eq!(judge(OPEN), Code::Auth);
    assert_eq!(judge(&OPEN.replacen('{', "{\"sig\":7,", 1)), Code::Auth);
    assert_eq!(judge(&signed(&[("kid", "\"nobody\"")])), Code::Auth);
    assert_eq!(
        judge(&signed(&[("nonce", "\"n-12345678\"")])),
        Code::Auth,
        "nonce and ts go together"
    );

    let replayed = |_: Nonce<'_>| Err(Fault::new(Code::Replay, "seen before").scoped(Scope::Frame));
    let fault = ingress(NOW, Incoming::Text(&good), &policy, &mut { replayed }).unwrap_err();
    assert_eq!(fault.code, Code::Replay);
}

#[test]
fn a_wrong_signature_fails_even_where_none_is_required() {
    let secret = secret();
    let keys = Keys {
        ring: None,
        default: Some(&secret),
    };
    let policy = Policy {
        keys,
        ..Policy::baseline(&Limits::DEFAULT)
    };
    assert!(receive(&signed(&[]), &policy).unwrap().is_signed);
    let forged = signed(&[]).replace("\"hi\"", "\"ho\"");
    assert_eq!(receive(&forged, &policy).unwrap_err().code, Code::Auth);
    assert!(
        !baseline(&forged).unwrap().is_signed,
        "without a key nothing can be said"
    );
}

#[test]
fn a_nonce_nobody_requires_counts_once_its_frame_is_proven() {
    let secret = secret();
    let keys = Keys {
        ring: None,
        default: Some(&secret),
    };
    let with_keys = Policy {
        keys,
        ..Policy::baseline(&Limits::DEFAULT)
    };
    let text = signed(&[("nonce", "\"n-12345678\""), ("ts", "1800000000000")]);
    let entered = |policy: &Policy<'_>| {
        let mut entered = 0;
        ingress(NOW, Incoming::Text(&text), policy, &mut |_| {
            entered += 1;
            Ok(())
        })
        .map(|_| entered)
    };
    assert_eq!(entered(&with_keys), Ok(1));
    assert_eq!(entered(&Policy::baseline(&Limits::DEFAULT)), Ok(0));
}

#[test]
fn checksums_are_judged_wherever_they_are() {
    let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
    let checksum = checksum::of(tree.as_object().unwrap()).unwrap();
    tree.as_object_mut().unwrap().set("checksum", checksum);
    let good = json::text(&tree).unwrap();
    let policy = Policy {
        required: Required {
            checksum: true,
            ..Required::default()
        },
        ..Policy::baseline(&Limits::DEFAULT)
    };
    assert!(receive(&good, &policy).is_ok());
    assert_eq!(
        baseline(&good.replace("\"hi\"", "\"ho\"")).unwrap_err().code,
        Code::Proto
    );
    assert_eq!(
        receive(OPEN, &policy).unwrap_err().code,
        Code::Auth,
        "a required item is missing"
    );
}

#[test]
fn binary_messages_need_an_agreement() {
    let tree = json::parse(OPEN, &Limits::DEFAULT).unwrap();
    let bytes = cbor::encode(&tree);
    let before = Policy::baseline(&Limits::DEFAULT);
    let after = Policy {
        accepts_cbor: true,
        ..before
    };
    let judge = |bytes: &[u8], policy: &Policy<'_>| {
        ingress(NOW, Incoming::Binary(bytes), policy, &mut |_| Ok(())).map(|received| received.is_cbor)
    };
    assert_eq!(judge(&bytes, &before).unwrap_err().code, Code::Unsupported);
    assert_eq!(judge(&bytes, &after), Ok(true));
    assert_eq!(judge(b"\x01", &after).unwrap_err().scope, Scope::Connection);
    let packed = deflate(OPEN.as_bytes(), Algorithm::Zstd);
    assert_eq!(judge(&packed, &after).unwrap_err().code, Code::Unsupported);
    let both = Policy {
        accepts_compressed: true,
        ..after
    };
    assert_eq!(judge(&packed, &both), Ok(false));
    assert_eq!(judge(&deflate(&bytes, Algorithm::Deflate), &both), Ok(true));
    assert_eq!(
        judge(&deflate(&packed, Algorithm::Zstd), &both).unwrap_err().code,
        Code::Proto
    );
    assert_eq!(
        judge(&deflate(b"\xff", Algorithm::Zstd), &both).unwrap_err().code,
        Code::Proto
    );
}

#[test]
fn byte_strings_stand_in_the_content_only() {
    let policy = Policy {
        accepts_cbor: true,
        ..Policy::baseline(&Limits::DEFAULT)
    };
    let with = |change: &dyn Fn(&mut Object<'static>)| {
        let mut tree = json::parse(OPEN, &Limits::DEFAULT).unwrap().into_owned();
        change(tree.as_object_mut().unwrap());
        ingress(NOW, Incoming::Binary(&cbor::encode(&tree)), &policy, &mut |_| {
            Ok(())
        })
        .map(|_| ())
    };
    let bytes = || Value::Bytes(vec![1].into());
    let within = |name: &'static str, member: &'static str| {
        move |frame: &mut Object<'static>| {
            frame
                .get_mut(name)
                .and_then(Value::as_object_mut)
                .unwrap()
                .set(member, Value::Bytes(vec![1].into()));
        }
    };
    assert_eq!(with(&within("payload", "content")), Ok(()));
    assert_eq!(with(&within("payload", "extra")).unwrap_err().code, Code::Proto);
    assert_eq!(with(&within("meta", "extra")).unwrap_err().code, Code::Proto);
    assert_eq!(
        with(&|frame| frame.set("extra", bytes())).unwrap_err().code,
        Code::Proto
    );
    let signed = with(&|frame| {
        within("payload", "content")(frame);
        frame.set("checksum", "0".repeat(64));
    });
    assert_eq!(
        signed.unwrap_err().code,
        Code::Proto,
        "the canonical form has no bytes"
    );
}
