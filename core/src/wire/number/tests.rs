use alloc::format;

use super::*;

#[test]
fn every_spelling_of_a_value_is_one_decimal() {
    let alike: [&[&str]; 6] = [
        &["0", "-0", "0.0", "-0.000", "0e5", "0.00E-7", "-0e99999999999999999999"],
        &["1", "1.0", "1e0", "10e-1", "0.1e1", "0.001E+3", "1.000"],
        &["-120", "-1.2e2", "-12e1", "-0.0120e+4", "-120.00"],
        &["100", "1e2", "1E+0002", "0.1e3"],
        &["0.5", "5e-1", "0.50", "50e-2"],
        &["123.456", "123456e-3", "0.123456e3", "123.4560"],
    ];
    for (index, spellings) in alike.iter().enumerate() {
        // Digits may be split at another place; what counts is their sequence.
        let meaning = |text: &str| {
            let Decimal { negative, digits: (head, tail), exponent } = Decimal::of(text);
            (negative, format!("{head}{tail}"), exponent)
        };
        for text in *spellings {
            assert_eq!(meaning(text), meaning(spellings[0]), "{text}");
        }
        for other in &alike[index + 1..] {
            assert_ne!(meaning(other[0]), meaning(spellings[0]));
        }
    }
}

#[test]
fn integers_are_known_by_value() {
    let cases = [
        ("0", Integer::Is(0)),
        ("-0.0", Integer::Is(0)),
        ("7", Integer::Is(7)),
        ("7.0", Integer::Is(7)),
        ("70e-1", Integer::Is(7)),
        ("1.5e1", Integer::Is(15)),
        ("1e19", Integer::Is(10_000_000_000_000_000_000)),
        ("18446744073709551615", Integer::Is(u64::MAX)),
        ("18446744073709551616", Integer::OutOfRange),
        ("1e20", Integer::OutOfRange),
        ("1e300", Integer::OutOfRange),
        ("-1", Integer::OutOfRange),
        ("-10e-1", Integer::OutOfRange),
        ("0.5", Integer::No),
        ("-0.5", Integer::No),
        ("15e-1", Integer::No),
        ("1e-99999999999999999999", Integer::No),
    ];
    for (text, expected) in cases {
        assert_eq!(Decimal::of(text).integer(), expected, "{text}");
    }
}

#[test]
fn zero_has_no_digits() {
    assert!(Decimal::of("-0.0e7").is_zero());
    assert!(!Decimal::of("0.1").is_zero());
}
