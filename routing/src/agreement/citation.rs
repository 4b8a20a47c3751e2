//! Every `[n]` in a text needs citation n (atp.md 21.2, "evidence gate").

/// Whether each marker `[n]` of `text` is among the citations provided. Brackets around anything but digits are no marker.
#[must_use]
pub fn citations_hold(text: &str, provided: &[u32]) -> bool {
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        rest = &rest[open + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && rest.as_bytes().get(digits) == Some(&b']') {
            let is_provided = rest[..digits]
                .parse::<u32>()
                .is_ok_and(|index| provided.contains(&index));
            if !is_provided {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_in_brackets_are_markers() {
        assert!(citations_hold("see [1], [x] and a[i] [", &[1]));
        assert!(citations_hold("[[2]]", &[2]));
        assert!(!citations_hold("see [1][2]", &[1]));
        assert!(!citations_hold("[99999999999999]", &[1]));
        assert!(citations_hold("[٣]", &[]));
    }
}
