//! JSON text of a tree, in the three forms the protocol knows.

use std::borrow::Cow;
use std::fmt::Write as _;

use smallvec::SmallVec;

use super::{Malformed, Object, Value};

/// How a tree is written.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Everything outside 0x20 to 0x7E becomes `\uXXXX`, astral code points a surrogate pair. Otherwise only what JSON
    /// demands is escaped.
    pub ascii: bool,
    /// Members by code point of their names, which is the order of their UTF-8 bytes. Otherwise in the order of the tree.
    pub sorted: bool,
}

const FITS: &str = "writing to a string cannot fail";

impl Form {
    /// Appends `value`.
    pub(super) fn value(self, value: &Value<'_>, out: &mut String) -> Result<(), Malformed> {
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Int(int) => write!(out, "{int}").expect(FITS),
            Value::Uint(int) => write!(out, "{int}").expect(FITS),
            Value::Float(number) => float(*number, out),
            Value::Text(string) => self.text(string, out),
            Value::Bytes(_) => return Err(Malformed::Bytes),
            Value::Array(array) => self.array(array, out)?,
            Value::Object(object) => self.object(object, &[], out)?,
        }
        Ok(())
    }

    fn array(self, array: &[Value<'_>], out: &mut String) -> Result<(), Malformed> {
        out.push('[');
        for (at, element) in array.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.value(element, out)?;
        }
        out.push(']');
        Ok(())
    }

    /// Appends `object` without the members named in `except`.
    pub(super) fn object(
        self,
        object: &Object<'_>,
        except: &[&str],
        out: &mut String,
    ) -> Result<(), Malformed> {
        let kept = object
            .0
            .iter()
            .filter(|(name, _)| !except.contains(&name.as_ref()));
        let mut members: SmallVec<[&(Cow<'_, str>, Value<'_>); 16]> = kept.collect();
        if self.sorted {
            members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        out.push('{');
        for (at, (name, value)) in members.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            self.text(name, out);
            out.push(':');
            self.value(value, out)?;
        }
        out.push('}');
        Ok(())
    }

    /// Appends `text` in quotes, runs without escapes in one piece.
    fn text(self, text: &str, out: &mut String) {
        out.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| self.escapes(byte)) {
            out.push_str(&rest[..at]);
            let mut chars = rest[at..].chars();
            if let Some(char) = chars.next() {
                escape(char, out);
            }
            rest = chars.as_str();
        }
        out.push_str(rest);
        out.push('"');
    }

    const fn escapes(self, byte: u8) -> bool {
        byte < 0x20 || byte == b'"' || byte == b'\\' || (self.ascii && byte >= 0x7F)
    }
}

fn escape(char: char, out: &mut String) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        _ => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect(FITS);
            }
        }
    }
}

/// Appends a finite number as ACJ rule 5 has it: the shortest digits that read back the same, positional for exponents
/// -4 to 15 with at least one digit after the point, else scientific with a signed exponent of two digits or more.
fn float(number: f64, out: &mut String) {
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("{:e} always writes an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes a decimal exponent");
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |rest| ("-", rest));
    out.push_str(sign);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{mantissa}e{sign}{:02}", exponent.unsigned_abs()).expect(FITS);
        return;
    }
    let digits = mantissa.replace('.', "");
    match usize::try_from(exponent) {
        Err(_) => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
            out.push_str(&digits);
        }
        Ok(exponent) => {
            let whole = exponent + 1;
            let (before, after) = digits.split_at(whole.min(digits.len()));
            out.push_str(before);
            out.extend(std::iter::repeat_n('0', whole - before.len()));
            out.push('.');
            out.push_str(if after.is_empty() { "0" } else { after });
        }
    }
}
