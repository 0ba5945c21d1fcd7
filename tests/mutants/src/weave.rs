//! Puts alternatives into a text, and knows afterwards which mutant stands where.

use std::ops::Range;

/// How a mutant is joined with what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An expression, or what a mutant makes of it.
    Choice,
    /// The rest of a body, or a statement that returns at once.
    EarlyReturn,
    /// Behind the pattern of an arm without a guard: the arm, or none.
    Arm,
    /// The guard of an arm: the arm, or none.
    GuardedArm,
}

/// Something put around a stretch of the text, or at one place of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// In bytes of the text. Stretches of a text contain each other or are apart.
    pub(crate) range: Range<usize>,
    pub(crate) form: Form,
    /// The mutants, each with the text that is its own: if that does not compile, it is to blame.
    pub(crate) mutants: Vec<(u32, String)>,
}

impl Edit {
    /// What is left of it with only some of its mutants, if there is anything.
    pub(crate) fn only(&self, keep: impl Fn(u32) -> bool) -> Option<Edit> {
        let mutants: Vec<_> =
            self.mutants.iter().filter(|(number, _)| keep(*number)).cloned().collect();
        let Edit { range, form, mutants: _ } = self;
        (!mutants.is_empty()).then(|| Edit { range: range.clone(), form: *form, mutants })
    }
}

/// A text with all alternatives in it.
#[derive(Debug, Default)]
pub(crate) struct Woven {
    pub(crate) text: String,
    /// Where each mutant's own text is.
    own: Vec<(Range<usize>, u32)>,
    /// Where each edit ended up, with what it is around, and its mutants.
    around: Vec<(Range<usize>, Vec<u32>)>,
}

impl Woven {
    /// The mutant in whose own text a byte is.
    pub(crate) fn at_fault(&self, at: usize) -> Option<u32> {
        let narrowest = self.own.iter().filter(|(range, _)| range.contains(&at));
        narrowest.min_by_key(|(range, _)| range.len()).map(|(_, number)| *number)
    }

    /// The mutants of the narrowest edit around a byte: one of them, or all together, may be what
    /// the compiler does not like there.
    pub(crate) fn suspects(&self, at: usize) -> Vec<u32> {
        let narrowest = self.around.iter().filter(|(range, _)| range.contains(&at));
        narrowest
            .min_by_key(|(range, _)| range.len())
            .map(|(_, numbers)| numbers.clone())
            .unwrap_or_default()
    }

    fn open(&mut self, edit: &Edit) {
        match edit.form {
            Form::Choice => self.text.push('('),
            Form::EarlyReturn | Form::Arm | Form::GuardedArm => {}
        }
        for (number, own) in &edit.mutants {
            let is_on = format!("crate::mutant::on({number})");
            match edit.form {
                Form::Choice => self.own(&format!("if {is_on} {{ "), *number, own, " } else "),
                Form::EarlyReturn => self.own(&format!("if {is_on} {{ "), *number, own, " } "),
                Form::Arm => self.own(" if !", *number, &is_on, ""),
                Form::GuardedArm => self.own("!", *number, &is_on, " && ("),
            }
        }
        match edit.form {
            Form::Choice => self.text.push_str("{ "),
            Form::EarlyReturn | Form::Arm | Form::GuardedArm => {}
        }
    }

    fn own(&mut self, before: &str, number: u32, own: &str, after: &str) {
        self.text.push_str(before);
        let from = self.text.len();
        self.text.push_str(own);
        self.own.push((from..self.text.len(), number));
        self.text.push_str(after);
    }

    fn close(&mut self, (edit, start): (&Edit, usize)) {
        match edit.form {
            Form::Choice => self.text.push_str(" })"),
            Form::GuardedArm => edit.mutants.iter().for_each(|_| self.text.push(')')),
            Form::EarlyReturn | Form::Arm => {}
        }
        let mutants = edit.mutants.iter().map(|(number, _)| *number).collect();
        self.around.push((start..self.text.len(), mutants));
    }
}

/// `text` with every edit. Of edits with the same range the first is outermost; what is put at one
/// place comes before what begins there.
pub(crate) fn weave(text: &str, edits: &[Edit]) -> Woven {
    let mut order: Vec<&Edit> = edits.iter().collect();
    order.sort_by_key(|edit| {
        let len = edit.range.len();
        (edit.range.start, if len == 0 { 0 } else { usize::MAX - len })
    });
    let (mut woven, mut open, mut at) = (Woven::default(), Vec::<(&Edit, usize)>::new(), 0);
    for edit in order {
        let start = edit.range.start;
        while let Some(last) = open.pop_if(|(last, _)| last.range.end <= start) {
            copy(&mut woven, text, &mut at, last.0.range.end);
            woven.close(last);
        }
        copy(&mut woven, text, &mut at, start);
        open.push((edit, woven.text.len()));
        woven.open(edit);
    }
    while let Some(last) = open.pop() {
        copy(&mut woven, text, &mut at, last.0.range.end);
        woven.close(last);
    }
    copy(&mut woven, text, &mut at, text.len());
    woven
}

fn copy(woven: &mut Woven, text: &str, at: &mut usize, to: usize) {
    woven.text.push_str(text.get(*at..to).unwrap_or_default());
    *at = to;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_within_edits_keep_their_order() {
        let edit = |range, form, mutants: &[(u32, &str)]| Edit {
            range,
            form,
            mutants: mutants.iter().map(|(number, own)| (*number, (*own).to_owned())).collect(),
        };
        let edits = [
            edit(0..1, Form::Choice, &[(3, "z")]),
            edit(0..5, Form::Choice, &[(1, "a - b"), (2, "a * b")]),
            edit(0..0, Form::EarlyReturn, &[(4, "return 0;")]),
        ];
        let woven = weave("a + b;", &edits);
        assert_eq!(
            woven.text,
            "if crate::mutant::on(4) { return 0; } (if crate::mutant::on(1) { a - b } else if \
             crate::mutant::on(2) { a * b } else { (if crate::mutant::on(3) { z } else { a }) + b \
             });"
        );
        let at = |part: &str| woven.text.find(part).unwrap();
        assert_eq!(woven.at_fault(at("a * b") + 2), Some(2));
        assert_eq!(woven.at_fault(at("a }) + b")), None);
        assert_eq!(woven.suspects(at("a }) + b")), [3]);
        assert_eq!(woven.suspects(at("+ b")), [1, 2]);
    }
}
