//! A tree into a configuration, by the option table.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::breaker::BREAKER;
use super::super::check;
use super::super::options::{KEY, NAME, PROVIDER, RUNTIME, TENANT};
use super::super::spec::{Bounds, Shape, Spec, TextRule, Word, choices, quoted};
use super::super::{
    Config, ConfigError, KeyConfig, KeySource, ProviderConfig, RuntimeConfig, Secret, TenantConfig,
};
use super::suggest::nearest;
use super::tree::{Entry, Kind, Node};

/// What the tables inside of a table are like: each is a range of workers.
const RANGE: &str = "a table, as { min = 1, max = 5 }";

/// What a provider's table has beside its options.
const GROUPS: [&str; 3] = ["breaker", "keys", "tenants"];

/// Reads one tree.
pub(super) struct Reader<'a> {
    /// The file that the tree stands in: relative key files are looked for beside it.
    file: &'a Path,
    /// The value of an environment variable.
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The line of each field that was set, by its full path.
    lines: HashMap<String, usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path, variable: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { file, variable, lines: HashMap::new() }
    }

    /// The configuration in `root`, checked.
    pub(super) fn config(mut self, root: &Node) -> Result<Config, ConfigError> {
        const TABLES: [&str; 3] = ["runtime", "defaults", "providers"];
        let mut config = Config::default();
        let mut defaults = ProviderConfig::default();
        let mut providers = None;
        for entry in root.table("")? {
            match entry.key.as_str() {
                "runtime" => self.runtime(entry, &mut config.runtime)?,
                "defaults" => {
                    let (breakers, options): (Vec<_>, Vec<_>) =
                        entry.node.table("defaults")?.iter().partition(|it| it.key == "breaker");
                    for entry in breakers {
                        self.breaker("defaults", entry, &mut defaults)?;
                    }
                    self.fill_also(
                        PROVIDER,
                        "defaults",
                        "",
                        &options,
                        &["breaker"],
                        &mut defaults,
                    )?;
                }
                "providers" => providers = Some(entry),
                _ => return Err(unknown("", entry, &TABLES, &[])),
            }
        }
        // After the defaults, wherever these stand in the text.
        if let Some(entry) = providers {
            self.lines.insert("providers".to_owned(), entry.line);
            for entry in entry.node.table("providers")? {
                config.providers.push(self.provider(entry, &defaults)?);
            }
        }
        config.warnings = config.validate().map_err(|error| self.located(error))?;
        for warning in &mut config.warnings {
            warning.place.line = self.line(&warning.field);
        }
        Ok(config)
    }

    fn runtime(&mut self, entry: &Entry, config: &mut RuntimeConfig) -> Result<(), ConfigError> {
        self.fill(RUNTIME, "runtime", "", entry.node.table("runtime")?, config)
    }

    fn provider(
        &mut self,
        entry: &Entry,
        defaults: &ProviderConfig,
    ) -> Result<ProviderConfig, ConfigError> {
        let path = format!("providers.{}", entry.key);
        NAME.check("providers", &entry.key).map_err(|error| error.at(entry.line))?;
        self.lines.insert(path.clone(), entry.line);
        let mut config = ProviderConfig { name: entry.key.clone(), ..defaults.clone() };
        let (groups, options): (Vec<_>, Vec<_>) =
            entry.node.table(&path)?.iter().partition(|entry| GROUPS.contains(&&*entry.key));
        self.fill_also(PROVIDER, &path, "", &options, &GROUPS, &mut config)?;
        self.lower_unwritten(&path, &mut config);
        for group in groups {
            let table = &path;
            let path = format!("{path}.{}", group.key);
            if group.key == "breaker" {
                self.breaker(table, group, &mut config)?;
            } else if group.key == "tenants" {
                self.lines.insert(path.clone(), group.line);
                for entry in group.node.table(&path)? {
                    config.tenants.push(self.tenant(&path, entry)?);
                }
            } else {
                for (index, node) in group.node.list(&path)?.iter().enumerate() {
                    config.keys.push(self.key(&format!("{path}[{index}]"), node)?);
                }
            }
        }
        Ok(config)
    }

    /// Lowers the least number of workers to the most: who writes the most only does not mean the default of the least.
    /// That of the blocking workers is 0 and never too large.
    fn lower_unwritten(&self, path: &str, config: &mut ProviderConfig) {
        let written = |table: &str| self.lines.contains_key(&format!("{table}.workers.min"));
        if !written(path) && !written("defaults") {
            config.workers.min = config.workers.min.min(config.workers.max);
        }
    }

    fn breaker(
        &mut self,
        table: &str,
        entry: &Entry,
        config: &mut ProviderConfig,
    ) -> Result<(), ConfigError> {
        let path = format!("{table}.breaker");
        self.lines.insert(path.clone(), entry.line);
        self.fill(BREAKER, &path, "", entry.node.table(&path)?, &mut config.breaker)
    }

    fn tenant(&mut self, all: &str, entry: &Entry) -> Result<TenantConfig, ConfigError> {
        NAME.check(all, &entry.key).map_err(|error| error.at(entry.line))?;
        let path = format!("{all}.{}", entry.key);
        self.lines.insert(path.clone(), entry.line);
        let mut tenant = TenantConfig::new(&entry.key);
        self.fill(TENANT, &path, "", entry.node.table(&path)?, &mut tenant)?;
        Ok(tenant)
    }

    fn key(&mut self, path: &str, node: &Node) -> Result<KeyConfig, ConfigError> {
        self.lines.insert(path.to_owned(), node.line);
        let (sources, options): (Vec<_>, Vec<_>) =
            node.table(path)?.iter().partition(|entry| matches!(&*entry.key, "env" | "file"));
        let [source] = sources[..] else {
            let problem = if sources.is_empty() { "no source" } else { "two sources" };
            return Err(ConfigError::new(path, problem)
                .expected("either env, an environment variable, or file, a path")
                .at(node.line));
        };
        let field = format!("{path}.{}", source.key);
        let (secret, origin) = match (&source.node.kind, source.key.as_str()) {
            (Kind::Text(name), "env") => self.env_secret(&field, name),
            (Kind::Text(name), _) => self.file_secret(&field, name),
            _ => Err(ConfigError::new(&field, "not a string").value(source.node.display())),
        }
        .map_err(|error| error.at(source.node.line))?;
        let mut key = KeyConfig::new("", secret);
        key.source = origin;
        self.fill_also(KEY, path, "", &options, &["env", "file"], &mut key)?;
        if key.name.is_empty() {
            return Err(ConfigError::new(format!("{path}.name"), "missing")
                .expected(NAME.expected)
                .at(node.line));
        }
        Ok(key)
    }

    fn env_secret(&self, field: &str, name: &str) -> Result<(Secret, KeySource), ConfigError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            // Whoever wrote the key itself here must not find it in a log.
            return Err(ConfigError::new(field, "not the name of an environment variable")
                .value("***")
                .expected("letters, digits and _"));
        }
        let problem = |text: &str| ConfigError::new(field, text).value(quoted(name));
        let value = (self.variable)(name)
            .ok_or_else(|| problem("the environment variable is not set"))?
            .into_string()
            .map_err(|_| problem("the environment variable is not UTF-8"))?;
        Ok((Secret::new(value), KeySource::Env(name.to_owned())))
    }

    fn file_secret(&self, field: &str, name: &str) -> Result<(Secret, KeySource), ConfigError> {
        let path = self.file.parent().map_or_else(|| PathBuf::from(name), |dir| dir.join(name));
        let secret = Secret::from_file(&path).map_err(|error| {
            ConfigError::new(field, format!("cannot be read ({error})"))
                .value(quoted(&path.display().to_string()))
        })?;
        Ok((secret, KeySource::File(path)))
    }

    fn fill<C>(
        &mut self,
        specs: &[Spec<C>],
        path: &str,
        prefix: &str,
        entries: &[Entry],
        config: &mut C,
    ) -> Result<(), ConfigError> {
        let entries: Vec<_> = entries.iter().collect();
        self.fill_also(specs, path, prefix, &entries, &[], config)
    }

    /// Sets the options that `entries` name; `prefix` is what is left of a name like `workers.min` when its first
    /// part was a table, and `also` are names that are known here beside the options.
    fn fill_also<C>(
        &mut self,
        specs: &[Spec<C>],
        path: &str,
        prefix: &str,
        entries: &[&Entry],
        also: &[&str],
        config: &mut C,
    ) -> Result<(), ConfigError> {
        for entry in entries {
            let name = format!("{prefix}{}", entry.key);
            let field = format!("{path}.{name}");
            let group = format!("{name}.");
            if let Some(spec) = specs.iter().find(|spec| spec.name == name) {
                set(spec, &field, &entry.node, config)
                    .map_err(|error| error.at(entry.node.line))?;
                self.lines.insert(field, entry.node.line);
            } else if specs.iter().any(|spec| spec.name.starts_with(&group)) {
                let inner = entry.node.table(&field).map_err(|error| error.expected(RANGE))?;
                self.fill(specs, path, &group, inner, config)?;
            } else {
                let below = specs.iter().filter_map(|spec| spec.name.strip_prefix(prefix));
                let known: Vec<_> =
                    below.map(|name| name.split('.').next().unwrap_or(name)).collect();
                return Err(unknown(&format!("{path}.{prefix}"), entry, &known, also));
            }
        }
        Ok(())
    }

    /// Gives an error that came from the checks of the whole the line of the field that it names.
    fn located(&self, error: ConfigError) -> ConfigError {
        match self.line(error.field()) {
            Some(line) => error.at(line),
            None => error,
        }
    }

    /// The line that set `field`: its own, else that of the defaults, else that of the table around it.
    fn line(&self, field: &str) -> Option<usize> {
        let option = field.splitn(3, '.').nth(2).unwrap_or_default();
        let in_defaults = self.lines.get(&format!("defaults.{option}"));
        let mut around = Some(field);
        self.lines.get(field).or(in_defaults).copied().or_else(|| {
            while let Some(path) = around {
                if let Some(line) = self.lines.get(path) {
                    return Some(*line);
                }
                around = path.rsplit_once(['.', '[']).map(|(outer, _)| outer);
            }
            None
        })
    }
}

/// Sets one option from its node.
fn set<C>(spec: &Spec<C>, field: &str, node: &Node, config: &mut C) -> Result<(), ConfigError> {
    match &spec.shape {
        Shape::Number { bounds, set, .. } => set(config, number(bounds, field, node)?),
        Shape::Text { rule, set, .. } => set(config, text(rule, field, node)?),
        Shape::Choice { words, set, .. } => {
            let (word, number) = choice(words, field, node)?;
            set(config, word, number);
        }
    }
    Ok(())
}

fn number(bounds: &Bounds, field: &str, node: &Node) -> Result<u64, ConfigError> {
    let unit = bounds.unit;
    let written = match &node.kind {
        Kind::Integer(number) if unit.takes_integers() => Some(*number),
        Kind::Text(text) => unit.parse(text).map(i128::from),
        _ => None,
    };
    let wrong = |problem: &str| {
        ConfigError::new(field, problem).value(node.display()).expected(format!(
            "{}{}",
            bounds.range(),
            unit.syntax()
        ))
    };
    let written = written.ok_or_else(|| wrong(&format!("not {}", unit.noun())))?;
    let value = u64::try_from(written).map_err(|_| wrong("out of range"))?;
    bounds.check(field, value).map_err(|_| wrong("out of range"))?;
    Ok(value)
}

fn text(rule: &TextRule, field: &str, node: &Node) -> Result<String, ConfigError> {
    let Kind::Text(text) = &node.kind else {
        return Err(ConfigError::new(field, "not a string")
            .value(node.display())
            .expected(rule.expected));
    };
    rule.check(field, text)?;
    Ok(text.clone())
}

/// A choice is a word, or a table of one word and its number.
fn choice(
    words: &'static [Word],
    field: &str,
    node: &Node,
) -> Result<(&'static str, Option<u64>), ConfigError> {
    let wrong = |problem: &str| {
        ConfigError::new(field, problem).value(node.display()).expected(choices(words))
    };
    let (name, argument) = match &node.kind {
        Kind::Text(name) => (name, None),
        Kind::Table(entries) => match &entries[..] {
            [entry] => (&entry.key, Some(&entry.node)),
            _ => return Err(wrong("not one of the choices")),
        },
        _ => return Err(wrong("not a string or a table")),
    };
    let word = check::word(words, field, name)?;
    let path = format!("{field}.{name}");
    match (&word.number, argument) {
        (None, None) => Ok((word.name, None)),
        (Some(bounds), Some(node)) => Ok((word.name, Some(number(bounds, &path, node)?))),
        (Some(bounds), None) => Err(missing(word, bounds, field, node)),
        (None, Some(_)) => Err(wrong("takes no value")),
    }
}

/// The error of a word that stands without the number that it takes.
fn missing(word: &Word, bounds: &Bounds, field: &str, node: &Node) -> ConfigError {
    let example = bounds.format_default();
    ConfigError::new(field, format!("{} is missing", bounds.unit.noun()))
        .value(node.display())
        .expected(format!("{} as in {{ {} = {example} }}", bounds.range(), word.name))
}

/// The error of a field that nobody knows. Its value is shown only when the name is that of an option but for a
/// slip: an unknown field may be where someone put a secret.
fn unknown(path: &str, entry: &Entry, known: &[&str], also: &[&str]) -> ConfigError {
    let path = if path.is_empty() || path.ends_with('.') { path } else { &format!("{path}.") };
    let names = known.iter().chain(also).copied();
    let option = nearest(&entry.key, known.iter().copied());
    let near = nearest(&entry.key, names.clone());
    let value = match (&entry.node.kind, option) {
        (Kind::Text(_), None) => "***".to_owned(),
        _ => entry.node.display(),
    };
    let expected = match near {
        Some(name) => format!("did you mean {name}?"),
        None => {
            let mut names: Vec<_> = names.collect();
            names.dedup();
            format!("one of {}", names.join(", "))
        }
    };
    let field = format!("{path}{}", short(&entry.key));
    ConfigError::new(field, "unknown field").value(value).expected(expected).at(entry.line)
}

/// A key as it may stand in a message.
fn short(key: &str) -> String {
    let plain = key.len() <= 64 && key.chars().all(|c| c.is_ascii_graphic());
    if plain { key.to_owned() } else { quoted(key) }
}
