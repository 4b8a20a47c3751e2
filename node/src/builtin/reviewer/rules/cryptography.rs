//! Hashes, ciphers, chance and comparison.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{
    CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Region, Rule};

/// Words that say that chance or a hash protects something.
const SECRET_WORDS: &str = r"(?i)token|secret|passw|nonce|otp\b|salt|session_?id|api_?key|csrf|reset_?code|invite_?code|verification|signature|\bhmac|\bpin\b";

const HASH: Rule = Rule {
    kind: "code.vuln.weak_hash",
    severity: Severity::Medium,
    confidence: 0.65,
    claim: "MD5 and SHA-1 are broken, and far too fast for passwords.",
    fix: "Hash passwords with argon2 or bcrypt, sign with HMAC-SHA-256.",
    ..Rule::DEFAULT
};

const CIPHER: Rule = Rule {
    kind: "code.vuln.weak_cipher",
    severity: Severity::High,
    confidence: 0.85,
    claim: "The cipher or its mode is broken.",
    fix: "Use AES-GCM or ChaCha20-Poly1305 with a fresh nonce for each message.",
    ..Rule::DEFAULT
};

const CHANCE: Rule = Rule {
    kind: "code.vuln.weak_randomness",
    severity: Severity::High,
    confidence: 0.8,
    claim: "A secret is drawn from a generator whose output can be predicted.",
    fix: "Draw it from the system's cryptographic generator.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python, JavaScript, Java, Kotlin, Go, CSharp, Ruby],
        pattern: r#"(?:\bhashlib\.(?:md5|sha1)\(|\bcreateHash\(\s*["'](?:md5|sha1)["']|\bMessageDigest\.getInstance\(\s*"(?:MD5|SHA-?1)"|\b(?:md5|sha1)\.(?:Sum|New)\(|\b(?:MD5|SHA1)\.(?:Create|HashData)\(|\bDigest::(?:MD5|SHA1)\.\w+)"#,
        requires: &[(Region::Lines(3, 1), r"(?i)passw|\bpwd\b")],
        unless: &[(Region::Lines(0, 0), r"usedforsecurity\s*=\s*False")],
        severity: Severity::High,
        confidence: 0.85,
        ..HASH
    },
    Rule {
        languages: &[Python],
        pattern: r"\bhashlib\.(?:md5|sha1)\(",
        requires: &[(Region::Lines(3, 2), SECRET_WORDS)],
        unless: &[(Region::Call, r"usedforsecurity\s*=\s*False")],
        ..HASH
    },
    Rule {
        languages: &[JavaScript],
        pattern: r#"\bcreateHash\(\s*["'](?:md5|sha1)["']\s*\)"#,
        requires: &[(Region::Lines(3, 3), SECRET_WORDS)],
        ..HASH
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r#"\bMessageDigest\.getInstance\(\s*"(?:MD5|SHA-?1)""#,
        requires: &[(Region::Lines(4, 4), SECRET_WORDS)],
        ..HASH
    },
    Rule {
        languages: &[Go, CSharp],
        pattern: r"\b(?:md5|sha1)\.(?:Sum|New)\(|\b(?:MD5|SHA1)\.(?:Create|HashData)\(",
        requires: &[(Region::Lines(4, 4), SECRET_WORDS)],
        ..HASH
    },
    Rule {
        languages: &[Php],
        pattern: r"(?:^|[^\w>])(?:md5|sha1)\(\s*\$\w*(?i:pass|pwd|secret|token)\w*",
        ..HASH
    },
    Rule {
        languages: &[Ruby],
        pattern: r"\bDigest::(?:MD5|SHA1)\.\w+",
        requires: &[(Region::Lines(3, 2), SECRET_WORDS)],
        ..HASH
    },
    Rule {
        languages: &[Python],
        pattern: r"\bAES\.MODE_ECB\b|\b(?:DES3?|ARC4|Blowfish)\.new\(|\bmodes\.ECB\(|\balgorithms\.(?:ARC4|TripleDES|Blowfish)\(",
        ..CIPHER
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r#"\bCipher\.getInstance\(\s*"(?:AES"|AES/ECB|DES|DESede|RC4|Blowfish)"#,
        ..CIPHER
    },
    Rule {
        languages: &[JavaScript],
        pattern: r#"\bcreate(?:Cipher|Decipher)\(|\bcreateCipheriv\(\s*["'](?:des|rc4|aes-\d+-ecb)"#,
        ..CIPHER
    },
    Rule {
        languages: &[Go],
        pattern: r"\b(?:des\.New(?:TripleDES)?Cipher|rc4\.NewCipher)\(",
        ..CIPHER
    },
    Rule {
        languages: &[Php, CSharp, Ruby],
        pattern: r"\bCipherMode\.ECB\b|\bDESCryptoServiceProvider\b|\bmcrypt_encrypt\(|(?i)aes-\d+-ecb",
        ..CIPHER
    },
    Rule {
        languages: &[Python],
        pattern: r"(?:^|[^.\w])random\.(?:random|randint|randrange|choice|choices|sample|getrandbits|shuffle)\(",
        requires: &[(Region::Lines(4, 1), SECRET_WORDS)],
        unless: &[(Region::Lines(4, 1), r"SystemRandom|\bsecrets\.")],
        ..CHANCE
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\bMath\.random\(\)",
        requires: &[(Region::Lines(2, 1), SECRET_WORDS)],
        ..CHANCE
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"\bnew\s+Random\(|\bMath\.random\(\)|\bThreadLocalRandom\.current\(",
        requires: &[(Region::Lines(4, 3), SECRET_WORDS)],
        ..CHANCE
    },
    Rule {
        languages: &[Go],
        pattern: r"\brand\.(?:Intn?|Int63n?|Int31n?|IntN|Read|Float64|Uint\d+)\(",
        requires: &[(Region::Lines(4, 2), SECRET_WORDS)],
        unless: &[(Region::Lines(200, 200), r#""crypto/rand""#)],
        ..CHANCE
    },
    Rule {
        languages: &[Php, CSharp, Ruby],
        pattern: r"\b(?:mt_rand|rand|uniqid)\(|\bnew\s+Random\(\)|\bRandom\.rand\(",
        requires: &[(Region::Lines(2, 1), SECRET_WORDS)],
        confidence: 0.7,
        ..CHANCE
    },
    Rule {
        kind: "code.vuln.timing_unsafe_compare",
        languages: &[Python, JavaScript, Go, Java, Php, Ruby, Rust],
        view: View::Bare,
        pattern: r"\b(?i:\w*(?:signature|hmac|digest|expected_?sig|expected_?mac|computed_?mac|api_?key_?hash|token_?hash))(?:\(\))?\s*[!=]==?\s*\$?[a-zA-Z_][\w.]*\b[^(]|\$?\b[a-zA-Z_][\w.]*\s*[!=]==?\s*\$?(?i:\w*(?:expected_?sig(?:nature)?|expected_?mac|hmac_?digest|computed_?(?:mac|sig(?:nature)?)))\b",
        requires: &[(Region::Lines(12, 4), r"(?i)\bhmac|secret|webhook|\bsign\(")],
        unless: &[(
            Region::Match,
            r"\b(?:None|null|nil|undefined|true|false|True|False)\b",
        )],
        confidence: 0.6,
        claim: "A secret value is compared byte by byte, and the time it takes tells how much was right.",
        fix: "Compare in constant time (hmac.compare_digest, crypto.timingSafeEqual, subtle.ConstantTimeCompare).",
        ..Rule::DEFAULT
    },
];
