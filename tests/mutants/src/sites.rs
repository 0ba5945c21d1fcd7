//! Finds in a file of the core where its mutants are, and says what to put there.

use std::collections::BTreeMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprBinary, ExprMatch, Pat, UnOp};

use crate::list::{Genre, Mutant, Place};
use crate::weave::{Edit, Form};

/// Why a mutant has no switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LeftOut {
    /// What is computed when the core is compiled cannot ask which mutant is on.
    Constant,
    /// `impl Trait` is one type, and the replacement would be another.
    OpaqueType,
    /// No arm without a guard takes whatever the deleted one leaves, so that a switch as its guard
    /// does not compile.
    NoOtherArm,
    /// The place was not found, or holds something else than the list says.
    NoPlace,
    /// The compiler does not take the file with its switch in it.
    Entangled,
}

impl LeftOut {
    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            LeftOut::Constant => "computed at compile time",
            LeftOut::OpaqueType => "returns an opaque type",
            LeftOut::NoOtherArm => "no other arm is for all",
            LeftOut::NoPlace => "its place was not found",
            LeftOut::Entangled => "the switch itself does not compile",
        }
    }
}

/// What becomes of the mutants of one file.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    pub(crate) edits: Vec<Edit>,
    pub(crate) left_out: Vec<(u32, LeftOut)>,
    /// By the grammar alone: `||` beside a `let`.
    pub(crate) ungrammatical: Vec<u32>,
}

/// Finds all `mutants` of a file.
pub(crate) fn find(text: &str, mutants: &[&Mutant]) -> syn::Result<Sites> {
    let file = syn::parse_file(text)?;
    let lines = Lines::of(text);
    let mut open: BTreeMap<usize, Vec<Wanted>> = BTreeMap::new();
    let mut sites = Sites::default();
    for mutant in mutants {
        let ends = (lines.byte(text, mutant.span.start), lines.byte(text, mutant.span.end));
        if let (Some(start), Some(end)) = ends {
            let wanted = Wanted {
                number: mutant.number,
                genre: mutant.genre,
                range: start..end,
                replacement: mutant.replacement.clone(),
            };
            open.entry(start).or_default().push(wanted);
        } else {
            sites.left_out.push((mutant.number, LeftOut::NoPlace));
        }
    }
    let mut finder = Finder { text, open, sites, is_constant: false };
    finder.visit_file(&file);
    let Finder { open, mut sites, .. } = finder;
    let lost = open.into_values().flatten().map(|wanted| (wanted.number, LeftOut::NoPlace));
    sites.left_out.extend(lost);
    Ok(sites)
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Lines(starts)
    }

    fn byte(&self, text: &str, place: Place) -> Option<usize> {
        let start = *self.0.get(place.line.checked_sub(1)?)?;
        let mut ends = text.get(start..)?.char_indices().map(|(at, _)| start + at);
        ends.nth(place.column.checked_sub(1)?).or((text.len() >= start).then_some(text.len()))
    }
}

/// A mutant whose place was not met yet.
struct Wanted {
    number: u32,
    genre: Genre,
    range: Range<usize>,
    replacement: String,
}

struct Finder<'a> {
    text: &'a str,
    /// By the first byte.
    open: BTreeMap<usize, Vec<Wanted>>,
    sites: Sites,
    is_constant: bool,
}

impl Finder<'_> {
    /// The mutants of a genre that begin at a byte. Those that cannot have a switch are dealt with.
    fn take(&mut self, genre: Genre, at: usize) -> Vec<Wanted> {
        let Some(here) = self.open.get_mut(&at) else { return Vec::new() };
        let (taken, rest) = std::mem::take(here).into_iter().partition(|one| one.genre == genre);
        *here = rest;
        if self.is_constant {
            let taken: Vec<Wanted> = taken;
            self.leave_out(&taken, LeftOut::Constant);
            return Vec::new();
        }
        taken
    }

    fn leave_out(&mut self, mutants: &[Wanted], why: LeftOut) {
        self.sites.left_out.extend(mutants.iter().map(|mutant| (mutant.number, why)));
    }

    fn source(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The text of `whole` with `part` replaced.
    fn replaced(&self, whole: &Range<usize>, part: &Range<usize>, by: &str) -> String {
        let (head, tail) = (whole.start..part.start, part.end..whole.end);
        [self.source(head), by, self.source(tail)].concat()
    }

    /// `whole`, or what one of the mutants makes of it by changing a part of its text.
    fn choose(&mut self, whole: Range<usize>, mutants: &[Wanted]) {
        if mutants.is_empty() {
            return;
        }
        let changed = |mutant: &Wanted| {
            (mutant.number, self.replaced(&whole, &mutant.range, &mutant.replacement))
        };
        let mutants = mutants.iter().map(changed).collect();
        self.sites.edits.push(Edit { range: whole, form: Form::Choice, mutants });
    }

    /// A function, an arm or a constant inside of something else has its own answer to whether it
    /// is computed at compile time.
    fn within(&mut self, is_constant: bool, visit: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.is_constant, is_constant);
        visit(self);
        self.is_constant = before;
    }

    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let Some(first) = body.stmts.first() else { return };
        let at = first.span().byte_range().start;
        let mutants = self.take(Genre::FnValue, at);
        if is_opaque(&signature.output) {
            self.leave_out(&mutants, LeftOut::OpaqueType);
            return;
        }
        for Wanted { number, replacement, .. } in mutants {
            let mutants = vec![(number, format!("return {replacement};"))];
            self.sites.edits.push(Edit { range: at..at, form: Form::EarlyReturn, mutants });
        }
    }

    /// All operators of a chain change the text of the whole chain, since another operator may
    /// belong to other operands.
    fn chain(&mut self, expr: &ExprBinary) {
        if has_let(expr) {
            let mutants = self.take(Genre::BinaryOperator, expr.op.span().byte_range().start);
            self.sites.ungrammatical.extend(mutants.iter().map(|mutant| mutant.number));
            self.visit_expr(&expr.left);
            self.visit_expr(&expr.right);
            return;
        }
        let (mut mutants, mut operands) = (Vec::new(), Vec::new());
        self.links(expr, &mut mutants, &mut operands);
        self.choose(range(expr), &mutants);
        for operand in operands {
            self.visit_expr(operand);
        }
    }

    fn links<'e>(
        &mut self,
        expr: &'e ExprBinary,
        mutants: &mut Vec<Wanted>,
        operands: &mut Vec<&'e Expr>,
    ) {
        mutants.extend(self.take(Genre::BinaryOperator, expr.op.span().byte_range().start));
        for side in [&expr.left, &expr.right] {
            match &**side {
                Expr::Binary(inner) if !is_assignment(&expr.op) => {
                    self.links(inner, mutants, operands);
                }
                operand => operands.push(operand),
            }
        }
    }

    fn arm(&mut self, arm: &syn::Arm, has_other: bool) {
        let mut deleted = self.take(Genre::MatchArm, range(arm).start);
        if !has_other {
            self.leave_out(&std::mem::take(&mut deleted), LeftOut::NoOtherArm);
        }
        let mut delete = |range: Range<usize>, form| {
            for mutant in &deleted {
                let mutants = vec![(mutant.number, String::new())];
                self.sites.edits.push(Edit { range: range.clone(), form, mutants });
            }
        };
        let Pat::Guard(guarded) = &arm.pat else {
            let end = range(&arm.pat).end;
            delete(end..end, Form::Arm);
            return;
        };
        let guard = range(&guarded.guard);
        delete(guard.clone(), Form::GuardedArm);
        let others = self.take(Genre::MatchArmGuard, guard.start);
        self.choose(guard, &others);
    }

    fn fields(&mut self, expr: &syn::ExprStruct) {
        let mut mutants = Vec::new();
        for pair in expr.fields.pairs() {
            let field = range(pair.value());
            for mut mutant in self.take(Genre::StructField, field.start) {
                let comma = pair.punct().map_or(field.end, |comma| range(comma).end);
                mutant.range = field.start..comma;
                mutants.push(mutant);
            }
        }
        self.choose(range(expr), &mutants);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(item.sig.constness.is_some(), |finder| {
            finder.function(&item.sig, &item.block);
            visit::visit_item_fn(finder, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(item.sig.constness.is_some(), |finder| {
            finder.function(&item.sig, &item.block);
            visit::visit_impl_item_fn(finder, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.within(false, |finder| {
            if let Some(body) = &item.default {
                finder.function(&item.sig, body);
            }
            visit::visit_trait_item_fn(finder, item);
        });
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.within(true, |finder| visit::visit_item_const(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.within(true, |finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.within(true, |finder| visit::visit_trait_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.within(true, |finder| visit::visit_item_static(finder, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.within(true, |finder| visit::visit_item_enum(finder, item));
    }

    fn visit_expr_const(&mut self, expr: &'ast syn::ExprConst) {
        self.within(true, |finder| visit::visit_expr_const(finder, expr));
    }

    fn visit_type(&mut self, ty: &'ast syn::Type) {
        self.within(true, |finder| visit::visit_type(finder, ty));
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        self.within(true, |finder| visit::visit_generic_argument(finder, argument));
    }

    fn visit_expr_repeat(&mut self, expr: &'ast syn::ExprRepeat) {
        self.visit_expr(&expr.expr);
        self.within(true, |finder| finder.visit_expr(&expr.len));
    }

    fn visit_expr_binary(&mut self, expr: &'ast ExprBinary) {
        self.chain(expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        if let UnOp::Not(_) | UnOp::Neg(_) = expr.op {
            let whole = range(expr);
            let mutants = self.take(Genre::UnaryOperator, range(&expr.op).start);
            self.choose(whole, &mutants);
        }
        visit::visit_expr_unary(self, expr);
    }

    fn visit_expr_match(&mut self, expr: &'ast ExprMatch) {
        let has_other = expr.arms.iter().any(|arm| matches!(arm.pat, Pat::Wild(_)));
        for arm in &expr.arms {
            self.arm(arm, has_other);
        }
        visit::visit_expr_match(self, expr);
    }

    fn visit_expr_struct(&mut self, expr: &'ast syn::ExprStruct) {
        self.fields(expr);
        visit::visit_expr_struct(self, expr);
    }
}

fn range(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

fn is_assignment(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}

/// Whether one of the operands is a `let`, as the condition of an `if` may have it.
fn has_let(expr: &ExprBinary) -> bool {
    [&expr.left, &expr.right].into_iter().any(|side| match &**side {
        Expr::Let(_) => true,
        Expr::Binary(inner) => has_let(inner),
        _ => false,
    })
}

fn is_opaque(output: &syn::ReturnType) -> bool {
    struct Opaque(bool);
    impl Visit<'_> for Opaque {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut opaque = Opaque(false);
    opaque.visit_return_type(output);
    opaque.0
}

#[cfg(test)]
mod tests;
