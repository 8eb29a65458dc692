//! Answers that are still to come.

use std::collections::VecDeque;

/// Most calls that are begun and not finished: a handful, unless some are given up.
const MAX_EXPECTED: usize = 16;

/// An answer that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallId(pub(super) u32);

/// Expected answers, and those that came during the wait for another.
#[derive(Debug, Default)]
pub(super) struct Answers {
    expected: VecDeque<u32>,
    early: Vec<(u32, Vec<u8>)>,
}

impl Answers {
    pub(super) fn expect(&mut self, id: CallId) {
        self.expected.push_back(id.0);
        if self.expected.len() > MAX_EXPECTED {
            let forgotten = self.expected.pop_front();
            self.early.retain(|&(id, _)| Some(id) != forgotten);
        }
    }

    /// Takes the answer to `id`, if it has come. It is no longer expected.
    pub(super) fn take(&mut self, id: CallId) -> Option<Vec<u8>> {
        self.expected.retain(|&expected| expected != id.0);
        let at = self.early.iter().position(|&(early, _)| early == id.0)?;
        Some(self.early.swap_remove(at).1)
    }

    /// Keeps the answer to a call that is not waited for now.
    pub(super) fn keep(&mut self, id: u32, message: &[u8]) {
        if self.expected.contains(&id) {
            self.early.push((id, message.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_early_is_kept() {
        let mut answers = Answers::default();
        answers.expect(CallId(1));
        answers.keep(1, b"one");
        answers.keep(2, b"nobody waits for it");
        assert_eq!(answers.take(CallId(1)).as_deref(), Some(&b"one"[..]));
        assert_eq!(answers.take(CallId(1)), None);
        assert!(answers.early.is_empty() && answers.expected.is_empty());
    }

    #[test]
    fn calls_that_are_given_up_do_not_pile_up() {
        let mut answers = Answers::default();
        for id in 0..100 {
            answers.expect(CallId(id));
            answers.keep(id, b"late");
        }
        assert_eq!((answers.early.len(), answers.expected.len()), (MAX_EXPECTED, MAX_EXPECTED));
        assert!(answers.take(CallId(99)).is_some());
    }
}
