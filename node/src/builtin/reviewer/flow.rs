//! Which names hold data from outside, roughly: assignments followed line by line through one block.
//!
//! Not an analysis of flow through calls or branches; enough to tell `requests.get(url)` with a caller's URL from one with
//! a constant.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::language::Language;
use super::mask::View;
use super::pattern::Pattern;
use super::source::Block;

/// Expressions that yield what a caller sent.
static SOURCE: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::verbose(
        r#"
        \brequest\.(args|form|values|json|data|files|cookies|headers|get_json|query_params|path_params|body|params|query|GET|POST|match_info|rel_url)\b
        | \b(req|request|ctx|ctx\.request)\.(query|body|params|headers|cookies|url|originalUrl)\b
        | \bsearchParams\b | \b(window\.)?location\.(search|hash|href)\b | \bdocument\.(URL|referrer)\b
        | \bevent\[?\.?["']?(queryStringParameters|pathParameters|body)\b
        | \.get(Parameter|ParameterValues|QueryString|PathInfo|Header)\(
        | \b(r|req|request)\.(URL\.Query\(|FormValue\(|PostFormValue\(|PathValue\(|Header\.Get\(|URL\.Path|Form\b)
        | \bmux\.Vars\( | \bc\.(Query|Param|PostForm|FormValue|QueryParam)\(
        | \$_(GET|POST|REQUEST|COOKIE|FILES)\b
        | \bparams\[: | \bRequest\.(Query|Form|QueryString|Headers|Params|Cookies)\b
        | \.(query_string|match_info|uri\(\)\.query)\(
        "#,
    )
});

/// Calls whose result no longer says what the caller wants it to.
static CLEANER: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::verbose(
        r"(?i)\b(int|float|bool|len|uuid|number|parseInt|parseFloat|escape\w*|\w*quote|sanitiz\w*|sanitis\w*|secure_filename|basename
           |Atoi|ParseInt|ParseUint|valid\w*|is_?safe\w*|encodeURIComponent|urlencode|htmlspecialchars|intval|\w*hash\w*|sha\d+|Base|parse_obj|model_validate)\s*\(",
    )
});

static ASSIGNMENT: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::verbose(
        r"^[\ \t]*(?:(?:const|let|var|val|final|mut|String|auto|string)\s+)*
          (?P<name>\$?[A-Za-z_]\w*)(?:,\s*\w+)?(?:\s*:\s*[\w\[\]<>.,|?\ ]+?)?\s*(?::=|=)(?P<value>[^=\n][^\n]*)$",
    )
});

/// A condition that looks at a name before it is used.
static GUARD: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::verbose(
        r"(?i)^[\ \t]*(?:\}?\s*(?:el)?(?:se\s+)?if|assert|require|check)\b(?P<condition>.*\b(?:in|includes|contains|has|startswith|startsWith|HasPrefix|match\w*|fullmatch|allow\w*|valid\w*|is_?safe\w*|is_relative_to|whitelist\w*)\b.*)$",
    )
});

/// A route of a web framework, whose handler's parameters come from outside.
static ROUTE: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::verbose(
        r"^[\ \t]*@\w+(?:\.\w+)?\.(?:route|get|post|put|patch|delete)\b[^\n]*\n
          (?:[\ \t]*@[^\n]*\n)*
          [\ \t]*(?:async\s+)?def\s+\w+\s*\((?P<parameters>[^)]*)",
    )
});

/// Parameter types that cannot carry an attack, and what frameworks inject themselves.
static HARMLESS: LazyLock<Pattern> = LazyLock::new(|| {
    Pattern::verbose(
        r"\b(int|float|bool|UUID|date|datetime|Depends|Security|Request|Response|Session|Path\(|Enum)\b",
    )
});

static WORD: LazyLock<Pattern> = LazyLock::new(|| Pattern::verbose(r"\$?[A-Za-z_]\w*"));

/// What is known of the names of a block.
pub(super) struct Flow {
    /// For each name, by ascending line: whether it holds outside data from there on.
    names: BTreeMap<String, Vec<(usize, bool)>>,
    /// First line of the block's own tests (Rust's `#[cfg(test)]`), if it has any.
    tests_from: Option<usize>,
}

impl Flow {
    /// Follows the assignments of a block.
    pub(super) fn of(language: Language, block: &Block) -> Self {
        let code = block.views.view(View::Code);
        let mut flow = Self {
            names: BTreeMap::new(),
            tests_from: (language == Language::Rust)
                .then(|| code.find("#[cfg(test)]"))
                .flatten()
                .map(|at| block.line_at(at)),
        };
        if language == Language::Python {
            flow.take_parameters(block, code);
        }
        for (line, text) in code.lines().enumerate() {
            if let Some(condition) = GUARD.captures(text).and_then(|guard| guard.group("condition")) {
                for word in words(condition) {
                    flow.note(word, line, false);
                }
            }
            if let Some(assignment) = ASSIGNMENT.captures(text)
                && let (Some(name), Some(value)) = (assignment.group("name"), assignment.group("value"))
            {
                let is_foreign = flow.is_foreign(value, line) && !CLEANER.is_match(value);
                flow.note(name, line, is_foreign);
            }
        }
        flow
    }

    fn take_parameters(&mut self, block: &Block, code: &str) {
        for route in ROUTE.captures_iter(code) {
            let parameters = route.group("parameters").unwrap_or_default();
            // The parameters end the match.
            let line = block.line_at(route.range().end - parameters.len());
            for parameter in parameters.split(',') {
                if let Some(name) = words(parameter).next()
                    && !HARMLESS.is_match(parameter)
                    && !matches!(name, "self" | "request" | "db")
                {
                    self.note(name, line, true);
                }
            }
        }
    }

    /// Only what changes is kept, so that ordinary names cost nothing.
    fn note(&mut self, name: &str, line: usize, is_foreign: bool) {
        if is_foreign {
            let changes = self.names.entry(name.to_owned()).or_default();
            changes.insert(changes.partition_point(|&(since, _)| since <= line), (line, true));
        } else if let Some(changes) = self.names.get_mut(name) {
            changes.insert(
                changes.partition_point(|&(since, _)| since <= line),
                (line, false),
            );
        }
    }

    /// Whether an expression on this line is, or names something that is, from outside.
    pub(super) fn is_foreign(&self, expression: &str, line: usize) -> bool {
        SOURCE.is_match(expression) || words(expression).any(|word| self.holds_outside_data(word, line))
    }

    fn holds_outside_data(&self, name: &str, line: usize) -> bool {
        let changes = self.names.get(name).map_or(&[][..], Vec::as_slice);
        let before = changes.partition_point(|&(since, _)| since <= line);
        before > 0 && changes[before - 1].1
    }

    /// Whether this line belongs to tests that stand in the same file.
    pub(super) fn is_test_code(&self, line: usize) -> bool {
        self.tests_from.is_some_and(|from| line >= from)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    WORD.find_iter(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::reviewer::source::SourceFile;

    fn flow(language: Language, text: &str) -> Flow {
        Flow::of(language, &SourceFile::whole(None, language, text).blocks[0])
    }

    #[test]
    fn assignments_carry_outside_data_on_and_cleaners_stop_it() {
        let flow = flow(
            Language::Python,
            "name = request.args.get('name')\nquery = 'x' + name\nsafe = int(query)\nname = 'fixed'\nuse(name)\n",
        );
        assert!(flow.is_foreign("name", 1) && flow.is_foreign("query", 4));
        assert!(!flow.is_foreign("safe", 4) && !flow.is_foreign("name", 4));
        assert!(flow.is_foreign("request.args['x']", 0));
    }

    #[test]
    fn a_guard_makes_a_name_safe_from_there_on() {
        let flow = flow(
            Language::Python,
            "url = request.args['u']\nfetch(url)\nif url not in ALLOWED:\n    abort()\nfetch(url)\n",
        );
        assert!(flow.is_foreign("url", 1) && !flow.is_foreign("url", 4));
    }

    #[test]
    fn parameters_of_a_route_come_from_outside() {
        let flow = flow(
            Language::Python,
            "@app.get('/x')\n@limited\nasync def show(path: str, page: int, db = Depends(get_db)):\n    open(path)\n",
        );
        assert!(flow.is_foreign("path", 3));
        assert!(!flow.is_foreign("page", 3) && !flow.is_foreign("db", 3));
    }

    #[test]
    fn other_languages_are_followed_too() {
        let go = flow(
            Language::Go,
            "id := r.URL.Query().Get(\"id\")\nn, err := strconv.Atoi(id)\n",
        );
        assert!(go.is_foreign("id", 1) && !go.is_foreign("n", 1));
        let node = flow(
            Language::JavaScript,
            "const url = req.query.url;\nlet copy = `${url}/x`;\n",
        );
        assert!(node.is_foreign("copy", 1));
        let php = flow(Language::Php, "$id = $_GET['id'];\n");
        assert!(php.is_foreign("$id", 0));
    }
}
