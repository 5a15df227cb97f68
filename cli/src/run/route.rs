//! Which provider a job goes to.

use std::collections::HashSet;

use super::job::{JobLine, Malformed, parse};
use super::lines::Line;
use super::result::Report;

/// Turns lines into jobs of providers that are there, each with an id of its own.
#[derive(Debug)]
pub(super) struct Router {
    providers: Vec<String>,
    /// The provider of the jobs that name none.
    default: Option<usize>,
    ids: HashSet<String>,
}

/// A job and the index of its provider.
#[derive(Debug)]
pub(super) struct Routed {
    pub(super) provider: usize,
    pub(super) line: u64,
    pub(super) job: JobLine,
}

impl Router {
    /// `default` is the provider of the jobs that name none; without it that is the only one.
    ///
    /// # Errors
    /// There is no provider of the name `default`.
    pub(super) fn new(providers: Vec<String>, default: Option<&str>) -> Result<Self, String> {
        let mut router = Self { providers, default: None, ids: HashSet::new() };
        router.default = match default {
            Some(name) => Some(router.find(name)?),
            None => (router.providers.len() == 1).then_some(0),
        };
        Ok(router)
    }

    /// The job of a line.
    ///
    /// # Errors
    /// The report of a line that is no job.
    pub(super) fn route(&mut self, line: &Line) -> Result<Routed, Box<Report>> {
        let number = line.number;
        let malformed = |id, problem| Box::new(Report::malformed(id, number, problem));
        if line.cut {
            let problem = format!("longer than the limit of {} bytes", line.bytes.len());
            return Err(malformed(None, problem));
        }
        let job = parse(&line.bytes, number)
            .map_err(|Malformed { id, problem }| malformed(id, problem))?;
        if self.ids.contains(&job.id) {
            let problem = format!("another line before has the id {:?}", job.id);
            return Err(malformed(Some(job.id), problem));
        }
        let provider = match &job.provider {
            Some(name) => self.find(name),
            None => self.default.ok_or_else(|| {
                format!("no provider is named; one of {}", self.providers.join(", "))
            }),
        };
        let provider = provider.map_err(|problem| malformed(Some(job.id.clone()), problem))?;
        self.ids.insert(job.id.clone());
        Ok(Routed { provider, line: number, job })
    }

    /// The name of a provider.
    pub(super) fn name(&self, provider: usize) -> &str {
        self.providers.get(provider).map_or("", String::as_str)
    }

    fn find(&self, name: &str) -> Result<usize, String> {
        self.providers.iter().position(|provider| provider == name).ok_or_else(|| {
            format!("there is no provider {name:?}; one of {}", self.providers.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Router};

    fn router(providers: &[&str], default: Option<&str>) -> Result<Router, String> {
        Router::new(providers.iter().map(|name| (*name).to_owned()).collect(), default)
    }

    fn problem(router: &mut Router, number: u64, text: &str) -> Option<String> {
        let line = Line { number, bytes: text.as_bytes().to_vec(), cut: false };
        let report = router.route(&line).err()?;
        Some(report.end.expect_err("a malformed line has a problem").message)
    }

    #[test]
    fn a_job_goes_to_the_provider_that_it_names_or_the_default() {
        let mut router = router(&["a", "b"], Some("b")).expect("b is there");
        let mut to = |number, text: &str| {
            let line = Line { number, bytes: text.as_bytes().to_vec(), cut: false };
            router.route(&line).expect("a job").provider
        };
        assert_eq!(to(1, r#"{"provider": "a", "body": 1}"#), 0);
        assert_eq!(to(2, r#"{"body": 1}"#), 1);
    }

    #[test]
    fn without_a_name_only_an_only_provider_is_meant() {
        assert_eq!(problem(&mut router(&["a"], None).expect("fine"), 1, r#"{"body": 1}"#), None);
        let mut two = router(&["a", "b"], None).expect("fine");
        let expected = "no provider is named; one of a, b".to_owned();
        assert_eq!(problem(&mut two, 1, r#"{"body": 1}"#), Some(expected));
        let expected = "there is no provider \"c\"; one of a, b".to_owned();
        assert_eq!(problem(&mut two, 2, r#"{"provider": "c", "body": 1}"#), Some(expected.clone()));
        assert_eq!(router(&["a", "b"], Some("c")).expect_err("c is not there"), expected);
    }

    #[test]
    fn a_second_line_of_the_same_id_is_malformed() {
        let mut router = router(&["a"], None).expect("fine");
        assert_eq!(problem(&mut router, 1, r#"{"id": "3", "body": 1}"#), None);
        let expected = "another line before has the id \"3\"".to_owned();
        assert_eq!(problem(&mut router, 2, r#"{"id": 3, "body": 1}"#), Some(expected.clone()));
        assert_eq!(problem(&mut router, 3, r#"{"body": 1}"#), Some(expected));
    }

    #[test]
    fn a_line_that_was_cut_is_malformed() {
        let line = Line { number: 1, bytes: b"{}".to_vec(), cut: true };
        let report = router(&["a"], None).expect("fine").route(&line).expect_err("too long");
        let problem = report.end.expect_err("a problem");
        assert_eq!(problem.message, "longer than the limit of 2 bytes");
    }
}
