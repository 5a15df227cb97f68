//! One Rust file, split into what the compiler reads and what people read.
//!
//! This is a scanner, not a parser: it knows comments, strings, brackets and `use` trees, which is all
//! that the checks need, and it works on files that do not compile.

/// A file whose comments and literals are told apart from its code, character by character.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// The text as it stands.
    pub(crate) text: String,
    /// The code with every comment and every literal's content blanked out.
    pub(crate) code: Vec<char>,
    /// For each position in `code`, how many lines end before it.
    lines: Vec<usize>,
    /// For each line, the text of its comments.
    comments: Vec<String>,
    /// For each line, whether code stands on it.
    has_code: Vec<bool>,
    /// For each line, whether it belongs to code that only tests compile.
    test: Vec<bool>,
    /// Modules declared as `#[cfg(test)] mod name;`, or the files that they name by `#[path]`.
    pub(crate) test_modules: Vec<String>,
}

/// A path such as `crate::sync::Arc`, `use` trees expanded, and where it stands in the code.
#[derive(Clone, Debug)]
pub(crate) struct PathUse {
    pub(crate) segments: Vec<String>,
    pub(crate) at: usize,
}

/// A line above some place in the code.
#[derive(Debug)]
pub(crate) struct LineAbove<'a> {
    pub(crate) comment: &'a str,
    pub(crate) is_blank: bool,
    pub(crate) begins_fn: bool,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        let has_code = code
            .split(|&c| c == '\n')
            .map(|line| line.iter().any(|c| !c.is_whitespace()))
            .collect();
        let test = vec![false; comments.len()];
        let ends = code.iter().scan(0, |line, &c| {
            let before = *line;
            *line += usize::from(c == '\n');
            Some(before)
        });
        let lines = ends.chain([comments.len() - 1]).collect();
        let mut source = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            lines,
            comments,
            has_code,
            test,
            test_modules: Vec::new(),
        };
        source.find_tests();
        source
    }

    /// The line, counted from 1, of a position in `code`.
    pub(crate) fn line(&self, at: usize) -> usize {
        1 + self.lines[at]
    }

    /// Whether the position is in code that only tests compile.
    pub(crate) fn in_test(&self, at: usize) -> bool {
        self.test[self.line(at) - 1]
    }

    /// Takes the whole file as test code: its `mod` declaration is under `#[cfg(test)]`.
    pub(crate) fn mark_as_test(&mut self) {
        self.test.fill(true);
    }

    /// The `//!` lines at the top, without their marks.
    pub(crate) fn header(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map_while(|(i, line)| Some((i + 1, line.strip_prefix("//!")?.trim())))
    }

    /// Positions of `word` standing by itself.
    pub(crate) fn words(&self, word: &str) -> Vec<usize> {
        let word: Vec<char> = word.chars().collect();
        let ends = |at: usize| self.code.get(at).is_none_or(|&c| !is_ident(c));
        let starts = |at: usize| at == 0 || !is_ident(self.code[at - 1]);
        let last = self.code.len().saturating_sub(word.len());
        (0..=last)
            .filter(|&at| self.code[at..].starts_with(&word) && starts(at) && ends(at + word.len()))
            .collect()
    }

    /// The position of the first character at or after `at` that is not white space.
    pub(crate) fn skip_space(&self, at: usize) -> usize {
        at + self.code[at..].iter().take_while(|c| c.is_whitespace()).count()
    }

    /// The identifier at `at`; empty if there is none.
    pub(crate) fn ident(&self, at: usize) -> String {
        self.code[at..].iter().take_while(|&&c| is_ident(c)).collect()
    }

    /// What the comments on or directly above the statement around `at` say from `marker` on.
    pub(crate) fn explanation(&self, at: usize, marker: &str) -> Option<String> {
        let line = self.line(at);
        for start in self.statement_starts(at) {
            let first = self.line(self.skip_space(start).min(at));
            let above = (1..first)
                .rev()
                .take_while(|&l| !self.has_code[l - 1] && !self.comments[l - 1].is_empty())
                .count();
            let said: Vec<&str> =
                (first - above..=line).map(|l| self.comments[l - 1].as_str()).collect();
            let said = said.join(" ");
            if let Some(from) = said.find(marker) {
                return Some(said[from..].to_owned());
            }
        }
        None
    }

    /// The comments of the lines above the one of `at`, nearest first, with whether the line is blank and
    /// whether it begins a function.
    pub(crate) fn lines_above(&self, at: usize) -> impl Iterator<Item = LineAbove<'_>> {
        let starts: Vec<usize> = self.words("fn").into_iter().map(|f| self.lines[f]).collect();
        (0..self.lines[at]).rev().map(move |line| LineAbove {
            comment: &self.comments[line],
            is_blank: !self.has_code[line] && self.comments[line].is_empty(),
            begins_fn: starts.contains(&line),
        })
    }

    /// Where the statement, the match arm or the field around `at` may begin, inner first.
    fn statement_starts(&self, at: usize) -> Vec<usize> {
        let (mut depth, mut comma, mut i) = (0, None, at);
        while i > 0 {
            i -= 1;
            match self.code[i] {
                '}' if depth == 0 && !self.goes_on(i + 1) => return vec![comma.unwrap_or(i + 1)],
                ')' | ']' | '}' => depth += 1,
                '(' | '[' if depth == 0 => comma = None,
                '{' if depth == 0 => {
                    let mut starts = vec![comma.unwrap_or(i + 1)];
                    if self.line(self.skip_space(i + 1)) == self.line(i) {
                        starts.extend(self.statement_starts(i));
                    }
                    return starts;
                }
                '(' | '[' | '{' => depth -= 1,
                ';' if depth == 0 => return vec![comma.unwrap_or(i + 1)],
                ',' if depth == 0 && comma.is_none() => comma = Some(i + 1),
                _ => {}
            }
        }
        vec![comma.unwrap_or(0)]
    }

    /// Whether an expression goes on behind the block that ended before `at`.
    fn goes_on(&self, at: usize) -> bool {
        let at = self.skip_space(at);
        matches!(self.code.get(at), Some('.' | '?')) || self.ident(at) == "else"
    }

    /// The position behind the bracket that closes the one at `open`.
    pub(crate) fn closing(&self, open: usize) -> usize {
        let mut depth = 0;
        for (i, c) in self.code.iter().enumerate().skip(open) {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return i + 1;
            }
        }
        self.code.len()
    }

    /// The first `;` or `{` outside of round and square brackets at or after `at`.
    pub(crate) fn item_body(&self, at: usize) -> Option<usize> {
        let mut depth = 0;
        (at..self.code.len()).find(|&i| {
            match self.code[i] {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                ';' | '{' if depth == 0 => return true,
                _ => {}
            }
            false
        })
    }

    fn find_tests(&mut self) {
        for at in self.words("cfg") {
            let end = self.closing(at + 3);
            let condition: String =
                self.code[at + 3..end].iter().filter(|c| !c.is_whitespace()).collect();
            let attribute = at >= 2 && self.code[at - 2..at] == ['#', '['];
            if !attribute || !(condition == "(test)" || condition.starts_with("(all(test")) {
                continue;
            }
            let Some(body) = self.item_body(end + 1) else { continue };
            let after = if self.code[body] == '{' { self.closing(body) } else { body };
            let last = self.line(after.min(self.code.len() - 1));
            let first = self.line(at) - 1;
            self.test[first..last].fill(true);
            let item: String = self.code[end + 1..body].iter().collect();
            if self.code[body] == ';' {
                let lines = self.text.lines().take(last).skip(first);
                let file =
                    lines.filter_map(|line| line.split_once("#[path = \"")?.1.split('"').next());
                let name = item.split_whitespace().skip_while(|&word| word != "mod").nth(1);
                self.test_modules.extend(file.last().or(name).map(str::to_owned));
            }
        }
    }

    /// Every path of two or more segments, with `use` trees expanded.
    pub(crate) fn paths(&self) -> Vec<PathUse> {
        let mut found = Vec::new();
        let mut i = 0;
        while i < self.code.len() {
            let word = self.ident(i);
            if word == "use" {
                i = self.use_tree(self.skip_space(i + 3), &[], &mut found);
            } else if word.is_empty() {
                i += 1;
            } else {
                let (segments, end) = self.plain_path(i);
                if segments.len() > 1 {
                    found.push(PathUse { segments, at: i });
                }
                i = end;
            }
        }
        found
    }

    fn plain_path(&self, at: usize) -> (Vec<String>, usize) {
        let mut segments = vec![self.ident(at)];
        let mut end = at + segments[0].chars().count();
        while self.code[end..].starts_with(&[':', ':']) {
            let next = self.ident(end + 2);
            if next.is_empty() {
                break;
            }
            end += 2 + next.chars().count();
            segments.push(next);
        }
        (segments, end)
    }

    /// Expands the tree at `at` below `prefix`; the position behind it.
    fn use_tree(&self, at: usize, prefix: &[String], found: &mut Vec<PathUse>) -> usize {
        let mut path = prefix.to_vec();
        let mut i = self.skip_space(at);
        loop {
            match self.code.get(i) {
                Some('{') => {
                    let end = self.closing(i);
                    let mut leaf = i + 1;
                    while leaf < end - 1 {
                        leaf = self.skip_space(self.use_tree(leaf, &path, found)).max(leaf + 1);
                    }
                    return self.skip_alias(end);
                }
                Some(':' | ' ' | '\n') => i += 1,
                Some('*') => {
                    path.push("*".to_owned());
                    i += 1;
                }
                Some(&c) if is_ident(c) => {
                    let name = self.ident(i);
                    if name == "as" {
                        found.push(PathUse { segments: path, at });
                        return self.skip_alias(i);
                    }
                    i += name.chars().count();
                    if name != "self" || path.is_empty() {
                        path.push(name);
                    }
                }
                _ => {
                    if path.len() > prefix.len() || !prefix.is_empty() {
                        found.push(PathUse { segments: path, at: self.skip_space(at) });
                    }
                    return i + usize::from(matches!(self.code.get(i), Some(',' | ';')));
                }
            }
        }
    }

    fn skip_alias(&self, at: usize) -> usize {
        let end = (at..self.code.len()).find(|&i| matches!(self.code[i], ',' | ';' | '}'));
        end.map_or(self.code.len(), |i| i + usize::from(self.code[i] != '}'))
    }
}

pub(crate) fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

enum At {
    Code,
    Line,
    Block(u32),
    Text { hashes: Option<usize> },
}

/// The code with comments and literals blanked out, and the comments of each line.
fn split(text: &str) -> (Vec<char>, Vec<String>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (Vec::with_capacity(chars.len()), vec![String::new()]);
    let (mut at, mut i) = (At::Code, 0);
    while i < chars.len() {
        let c = chars[i];
        let mut took = 1;
        if c == '\n' {
            if matches!(at, At::Line) {
                at = At::Code;
            }
            code.push('\n');
            comments.push(String::new());
            i += 1;
            continue;
        }
        match at {
            At::Code => {
                (at, took) = enter(&chars, i);
                match at {
                    At::Code if took == 1 => code.push(c),
                    _ => code.extend(blank(&chars[i..i + took])),
                }
            }
            At::Line => code.push(' '),
            At::Block(depth) => {
                (at, took) = match (c, chars.get(i + 1)) {
                    ('*', Some('/')) if depth == 1 => (At::Code, 2),
                    ('*', Some('/')) => (At::Block(depth - 1), 2),
                    ('/', Some('*')) => (At::Block(depth + 1), 2),
                    _ => (At::Block(depth), 1),
                };
                code.extend(blank(&chars[i..i + took]));
            }
            At::Text { hashes } => {
                let end = hashes.map_or(1, |n| n + 1);
                if c == '"' && chars[i + 1..].iter().take_while(|&&c| c == '#').count() + 1 >= end {
                    (at, took) = (At::Code, end);
                } else if c == '\\' && hashes.is_none() && chars.get(i + 1) != Some(&'\n') {
                    took = 2;
                }
                code.extend(blank(&chars[i..(i + took).min(chars.len())]));
            }
        }
        if matches!(at, At::Line | At::Block(_)) {
            if let Some(line) = comments.last_mut() {
                line.extend(&chars[i..i + took]);
            }
        }
        i += took;
    }
    (code, comments)
}

/// Quotes stay, so that a literal still stands where it stood.
fn blank(chars: &[char]) -> impl Iterator<Item = char> + '_ {
    chars.iter().map(|&c| if c == '"' || c == '\n' { c } else { ' ' })
}

/// What begins at `i` in code, and how many characters its opening has.
fn enter(chars: &[char], i: usize) -> (At, usize) {
    let next = chars.get(i + 1).copied();
    let word_before = i > 0 && is_ident(chars[i - 1]) && !matches!(chars[i - 1], 'b' | 'c');
    match (chars[i], next) {
        ('/', Some('/')) => (At::Line, 2),
        ('/', Some('*')) => (At::Block(1), 2),
        ('"', _) => (At::Text { hashes: None }, 1),
        ('r', Some('"' | '#')) if !word_before => {
            let hashes = chars[i + 1..].iter().take_while(|&&c| c == '#').count();
            if chars.get(i + 1 + hashes) == Some(&'"') {
                (At::Text { hashes: Some(hashes) }, hashes + 2)
            } else {
                (At::Code, 1)
            }
        }
        ('\'', Some('\\')) => {
            let end = chars[i + 3..].iter().position(|&c| c == '\'').unwrap_or(0);
            (At::Code, end + 4)
        }
        ('\'', Some(_)) if chars.get(i + 2) == Some(&'\'') => (At::Code, 3),
        _ => (At::Code, 1),
    }
}
