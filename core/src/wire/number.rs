//! JSON numbers by their text: what they are worth, without a float.

/// A JSON number: `±digits × 10^exponent`, without leading or trailing zeros in `digits`.
///
/// Every text of one value gives one `Decimal`: 1, 1.0, 1e0 and 10e-1 are alike, and -0 is 0.
#[derive(Clone, Copy, Debug)]
pub struct Decimal<'a> {
    /// Whether it is less than zero.
    pub negative: bool,
    /// The significant digits are these two, one after the other; both are empty for zero.
    pub digits: (&'a str, &'a str),
    /// Power of ten of the last digit; the nearest that there is where it does not fit 64 bits.
    pub exponent: i64,
}

/// What a number is when an integer is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// It has a fraction.
    No,
    /// An integer that is less than zero or does not fit 64 bits.
    OutOfRange,
    /// This one.
    Is(u64),
}

impl<'a> Decimal<'a> {
    /// Reads a number of valid JSON syntax.
    pub fn of(text: &'a str) -> Decimal<'a> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
            None => (text, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let zero = Decimal { negative: false, digits: ("", ""), exponent: 0 };

        let fraction = fraction.trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        let (digits, last) = match (whole, fraction) {
            ("", "") => return zero,
            ("", _) => (("", fraction.trim_start_matches('0')), -length(fraction)),
            (_, "") => {
                let digits = whole.trim_end_matches('0');
                ((digits, ""), length(whole) - length(digits))
            }
            (_, _) => ((whole, fraction), -length(fraction)),
        };
        let power = power.map_or(0, |power| {
            let extreme = if power.starts_with('-') { i64::MIN } else { i64::MAX };
            power.parse().unwrap_or(extreme)
        });
        Decimal { negative, digits, exponent: power.saturating_add(last) }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.digits.0.is_empty() && self.digits.1.is_empty()
    }

    /// The number as an integer.
    pub fn integer(&self) -> Integer {
        if self.is_zero() {
            return Integer::Is(0);
        }
        let Ok(zeros) = u32::try_from(self.exponent) else {
            return if self.exponent < 0 { Integer::No } else { Integer::OutOfRange };
        };
        if self.negative {
            return Integer::OutOfRange;
        }
        let (head, tail) = self.digits;
        let significant = head.bytes().chain(tail.bytes()).try_fold(0_u64, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
        });
        let value = significant
            .zip(10_u64.checked_pow(zeros))
            .and_then(|(significant, scale)| significant.checked_mul(scale));
        value.map_or(Integer::OutOfRange, Integer::Is)
    }

    /// Whether it is less than 10^308, so that no reader with 64-bit floats takes it for infinity.
    pub(super) fn fits_a_float(&self) -> bool {
        if self.is_zero() {
            return true;
        }
        let digits = length(self.digits.0) + length(self.digits.1);
        self.exponent.saturating_add(digits) <= 308
    }
}

/// The length of a text that is at most a frame long.
fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
