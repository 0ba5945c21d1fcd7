//! Seeded randomness for tests, and JSON texts made of it.

extern crate std;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A small generator (SplitMix64): the same seed gives the same numbers everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// The seeds of a random test: one from the clock, or `SEED` from the environment to repeat a run.
/// Prints them, which the test harness shows when the test fails.
pub(super) fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let first = if let Ok(seed) = std::env::var("SEED") {
        seed.parse().expect("SEED is a number")
    } else {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) | (now.as_secs() << 30)
    };
    std::println!("SEED={first}");
    (0..count).map(move |index| first.wrapping_add(index))
}

/// A JSON value, mostly small, spelt in one of its many ways.
pub(super) fn json_text(random: &mut Random, depth: usize) -> String {
    let kinds = if depth == 0 { 5 } else { 7 };
    match random.below(kinds) {
        0 => random.pick(&["null", "true", "false"]).into(),
        1 | 2 => number_text(random),
        3 | 4 => string_text(random),
        5 => {
            let values: Vec<_> =
                (0..random.below(4)).map(|_| json_text(random, depth - 1)).collect();
            let (open, comma) = (space(random), space(random));
            format!("[{open}{}{comma}]", values.join(&format!("{comma},{open}")))
        }
        _ => {
            let members: Vec<_> = (0..random.below(5))
                .map(|_| {
                    let key = string_text(random);
                    let value = json_text(random, depth - 1);
                    format!("{}{key}{}:{value}", space(random), space(random))
                })
                .collect();
            format!("{{{}{}}}", members.join(","), space(random))
        }
    }
}

fn space(random: &mut Random) -> &'static str {
    random.pick(&["", "", "", " ", "\n", "\t \r"])
}

fn number_text(random: &mut Random) -> String {
    let sign = random.pick(&["", "", "-"]);
    let whole = random.pick(&["0", "1", "10", "120", "9007199254740993", "18446744073709551616"]);
    let fraction = random.pick(&["", "", ".0", ".50", ".001", ".000000000000000000001"]);
    let power = random.pick(&[
        "",
        "",
        "e0",
        "E+2",
        "e-1",
        "e-30",
        "e307",
        "e308",
        "e309",
        "e-400",
        "e99999999999999999999",
        "e-99999999999999999999",
    ]);
    format!("{sign}{whole}{fraction}{power}")
}

fn string_text(random: &mut Random) -> String {
    let parts = [
        "a",
        "b",
        "id",
        "type",
        "é",
        "漢",
        "😀",
        "\u{2028}",
        "\u{7f}",
        "\\n",
        "\\u0041",
        "\\\"",
        "\\\\",
        "\\/",
        "\\ud83d\\ude00",
        "\\u0000",
        " long enough to leave the first words behind ",
    ];
    let body: String = (0..random.below(4)).map(|_| random.pick(&parts)).collect();
    format!("\"{body}\"")
}
