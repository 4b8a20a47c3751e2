//! Which language a file is written in.

use std::sync::LazyLock;

use super::pattern::Pattern;

/// Languages that rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Language {
    Python,
    /// JavaScript and TypeScript, with or without JSX.
    JavaScript,
    Java,
    Kotlin,
    CSharp,
    Go,
    Rust,
    Php,
    Ruby,
    C,
    Shell,
    Sql,
    /// HTML, XML and templates of them.
    Markup,
    Json,
    /// YAML, TOML, INI, environment files, Dockerfiles, Terraform: keys and values, `#` comments.
    Config,
    /// Anything else; only rules for every language apply.
    Other,
}

use Language::{
    C, CSharp, Config, Go, Java, JavaScript, Json, Kotlin, Markup, Other, Php, Python, Ruby, Rust, Shell, Sql,
};

impl Language {
    /// Lower-case name, as in finding data.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Python => "python",
            JavaScript => "javascript",
            Java => "java",
            Kotlin => "kotlin",
            CSharp => "csharp",
            Go => "go",
            Rust => "rust",
            Php => "php",
            Ruby => "ruby",
            C => "c",
            Shell => "shell",
            Sql => "sql",
            Markup => "markup",
            Json => "json",
            Config => "config",
            Other => "other",
        }
    }

    /// By a file extension or the word after a code fence; `None` if neither is known.
    fn by_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "py" | "pyi" | "pyw" | "python" | "python3" => Python,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte" | "javascript"
            | "typescript" | "node" => JavaScript,
            "java" => Java,
            "kt" | "kts" | "kotlin" => Kotlin,
            "cs" | "csharp" | "c#" => CSharp,
            "go" | "golang" => Go,
            "rs" | "rust" => Rust,
            "php" | "phtml" => Php,
            "rb" | "rake" | "ruby" | "gemspec" => Ruby,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "c++" => C,
            "sh" | "bash" | "zsh" | "shell" | "console" => Shell,
            "sql" => Sql,
            "html" | "htm" | "xml" | "erb" | "ejs" | "hbs" | "j2" | "jinja" | "jinja2" | "twig" => Markup,
            "json" => Json,
            "yml" | "yaml" | "toml" | "ini" | "cfg" | "conf" | "env" | "properties" | "tf" | "hcl"
            | "dockerfile" => Config,
            _ => return None,
        })
    }

    /// By the path, else the first line, else what the text looks like.
    pub(super) fn of(path: Option<&str>, text: &str) -> Self {
        path.and_then(Self::by_path)
            .or_else(|| Self::by_interpreter(text))
            .unwrap_or_else(|| Self::by_looks(text))
    }

    /// By the word after a code fence, else what the text looks like.
    pub(super) fn of_fence(word: &str, text: &str) -> Self {
        Self::by_word(word).unwrap_or_else(|| Self::of(None, text))
    }

    fn by_path(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.starts_with("Dockerfile") || name.starts_with(".env") {
            return Some(Config);
        }
        name.rsplit_once('.')
            .map(|(_, extension)| Self::by_word(extension).unwrap_or(Other))
    }

    fn by_interpreter(text: &str) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("#!")?;
        let program = line
            .split(['/', ' '])
            .rfind(|word| !word.is_empty() && !word.starts_with('-'))?;
        Self::by_word(program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
    }

    /// The language with the most telling lines; `Other` below two.
    fn by_looks(text: &str) -> Self {
        let mut best = (1, Other);
        for (language, telling) in LOOKS.iter() {
            let lines = telling.find_iter(text).take(50).count();
            if lines > best.0 {
                best = (lines, *language);
            }
        }
        best.1
    }
}

/// Lines that tell a language, first come first served among equals.
static LOOKS: LazyLock<Vec<(Language, Pattern)>> = LazyLock::new(|| {
    [
        (Php, r"^<\?php|\$\w+\s*=|\$this->"),
        (Go, r"^(package \w+$|func |import \()|:= |\berr != nil"),
        (Rust, r"^\s*(pub )?(async )?(fn|impl|use|mod|struct|enum) .*[{;]$|let mut |\?;$"),
        (Python, r"^\s*(async )?(def|class) .*:$|^(from [\w.]+ )?import [\w., ]+$|^\s*(if|elif|for|while|try|except|with)\b.*:$"),
        (Java, r"^\s*(public|private|protected) [\w<>\[\], ]+[({]|^import java|^package [\w.]+;$"),
        (CSharp, r"^\s*using [\w.]+;$|^\s*namespace |\bstring\[\] args"),
        (Kotlin, r"^\s*(suspend )?fun |^\s*val \w+"),
        (JavaScript, r"^\s*(export |import .* from |const |let |function |async function )|=> \{$|require\("),
        (Ruby, r"^\s*(def \w+|end|require ')|\bdo \|"),
        (C, r"^#include|^(static |int |void |char )\S*.*[({;]$"),
        (Sql, r"(?i)^\s*(select|insert into|update|create table|alter table|delete from) "),
        (Shell, r"^\s*(if \[|fi$|done$|echo |export \w+=|set -)"),
        (Markup, r"^\s*</?\w+[^>]*>"),
        (Config, r"^\s*[\w.-]+\s*[:=]\s*\S"),
    ]
    .into_iter()
    .map(|(language, telling)| (language, Pattern::plain(telling)))
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_interpreter_fence_and_looks_tell_the_language() {
        assert_eq!(Language::of(Some("src/app.tsx"), ""), JavaScript);
        assert_eq!(
            Language::of(Some("notes.unknown"), "def f():\n  import x\n"),
            Other
        );
        assert_eq!(Language::of(Some("bin/run"), "#!/usr/bin/env python3\n"), Python);
        assert_eq!(Language::of(None, "#!/bin/bash -e\n"), Shell);
        assert_eq!(Language::of_fence("rust", ""), Rust);
        assert_eq!(
            Language::of(None, "import os\n\ndef main():\n    return os.getcwd()\n"),
            Python
        );
        assert_eq!(
            Language::of(None, "package main\n\nfunc main() {\n\tx := 1\n}\n"),
            Go
        );
        assert_eq!(Language::of(None, "pub fn f() {\n    let mut x = 1;\n}\n"), Rust);
        assert_eq!(Language::of(None, "Just a sentence about nothing.\n"), Other);
    }
}
