//! Objects rebuilt from bytes that a stranger may have written.

use atp_protocol::finding::Severity;

use crate::builtin::reviewer::language::Language::{CSharp, Java, JavaScript, Kotlin, Php, Python, Ruby};
use crate::builtin::reviewer::mask::View;
use crate::builtin::reviewer::rule::{Origin, Region, Rule};

const UNSAFE: Rule = Rule {
    kind: "code.vuln.unsafe_deserialisation",
    view: View::Bare,
    severity: Severity::High,
    confidence: 0.75,
    claim: "Deserialising these bytes can run code of whoever wrote them.",
    fix: "Use a data-only format such as JSON, or sign the bytes and verify them first.",
    ..Rule::DEFAULT
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        languages: &[Python],
        pattern: r"\b(?:c?[pP]ickle|dill|cloudpickle|jsonpickle)\.(?:loads|decode)\(\s*(?P<arg>[^\n]*)",
        origin: Origin::Raises(0.95),
        ..UNSAFE
    },
    Rule {
        languages: &[Python],
        pattern: r"\b(?:(?:c?[pP]ickle|dill|cloudpickle)\.(?:load|Unpickler)|joblib\.load|shelve\.open|marshal\.loads?)\(\s*(?P<arg>[^\n]*)",
        origin: Origin::Raises(0.95),
        severity: Severity::Medium,
        confidence: 0.6,
        ..UNSAFE
    },
    Rule {
        languages: &[Python],
        pattern: r"\byaml\.(?:load|load_all)\(",
        unless: &[(Region::Call, r"C?Safe_?Loader|BaseLoader|SafeLoader")],
        confidence: 0.9,
        claim: "yaml.load builds any Python object that the document names.",
        fix: "Use yaml.safe_load.",
        ..UNSAFE
    },
    Rule {
        languages: &[Python],
        pattern: r"\byaml\.(?:unsafe_load|full_load)(?:_all)?\(",
        confidence: 0.9,
        claim: "The loader builds any Python object that the document names.",
        fix: "Use yaml.safe_load.",
        ..UNSAFE
    },
    Rule {
        languages: &[Python],
        pattern: r"\btorch\.load\(|\b(?:np|numpy)\.load\([^\n]*allow_pickle\s*=\s*True",
        unless: &[(Region::Call, r"weights_only\s*=\s*True")],
        severity: Severity::Medium,
        confidence: 0.6,
        claim: "A model file is unpickled, which can run code of whoever wrote it.",
        fix: "Pass weights_only=True, or use safetensors.",
        ..UNSAFE
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"\b(?:new\s+)?(?:ObjectInputStream|XMLDecoder)\(",
        unless: &[(
            Region::Lines(0, 8),
            r"setObjectInputFilter|ValidatingObjectInputStream",
        )],
        ..UNSAFE
    },
    Rule {
        languages: &[Java, Kotlin],
        pattern: r"\bnew\s+Yaml\(\s*\)|\benableDefaultTyping\(|\bactivateDefaultTyping\(",
        severity: Severity::Medium,
        confidence: 0.7,
        ..UNSAFE
    },
    Rule {
        languages: &[Php],
        pattern: r"(?:^|[^\w>])(?P<at>unserialize\(\s*(?P<arg>[^\n]*))",
        unless: &[(Region::Lines(0, 2), r"allowed_classes")],
        view: View::Code,
        origin: Origin::Raises(0.95),
        ..UNSAFE
    },
    Rule {
        languages: &[Ruby],
        pattern: r"\bMarshal\.(?:load|restore)\(?|\bYAML\.(?:load|unsafe_load)\(",
        confidence: 0.65,
        ..UNSAFE
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"(?:\bserialize\.|\bnode-serialize\b[^\n]*)unserialize\(|\bfuncster\.deepDeserialize\(|\bcryo\.parse\(",
        confidence: 0.85,
        ..UNSAFE
    },
    Rule {
        languages: &[JavaScript],
        pattern: r"\byaml\.load\(",
        requires: &[(Region::Call, r"DEFAULT_FULL_SCHEMA")],
        ..UNSAFE
    },
    Rule {
        languages: &[CSharp],
        pattern: r"\bnew\s+(?:BinaryFormatter|NetDataContractSerializer|LosFormatter|SoapFormatter)\(|\bTypeNameHandling\.(?:All|Auto|Objects|Arrays)\b",
        confidence: 0.85,
        ..UNSAFE
    },
    Rule {
        kind: "code.vuln.xxe",
        languages: &[Python],
        pattern: r"\bresolve_entities\s*=\s*True\b",
        claim: "The XML parser resolves external entities, so a document can read files and fetch addresses.",
        fix: "Leave resolve_entities off, or use defusedxml.",
        confidence: 0.85,
        ..UNSAFE
    },
    Rule {
        kind: "code.vuln.xxe",
        languages: &[Java, Kotlin],
        pattern: r"\b(?:DocumentBuilderFactory|SAXParserFactory|XMLInputFactory)\.new(?:Instance|Factory)\(",
        unless: &[(
            Region::Lines(0, 15),
            r"\.setFeature\(|FEATURE_SECURE_PROCESSING|SUPPORT_DTD|setExpandEntityReferences\(false|IS_SUPPORTING_EXTERNAL",
        )],
        severity: Severity::Medium,
        confidence: 0.6,
        claim: "The XML parser resolves external entities, so a document can read files and fetch addresses.",
        fix: "Set the feature disallow-doctype-decl.",
        ..UNSAFE
    },
];
