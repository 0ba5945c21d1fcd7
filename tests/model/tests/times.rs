//! Where the clock on the wall is decides nothing: the same inputs, but for what they tell of that
//! clock, have the same outputs, but for the times that people read. PROTOCOL.md section 9.1.

use pi_server_core::input::InputKind;
use pi_server_core::{Input, Output, Outputs, State, WallOffset};
use pi_server_model::entropy::Entropy;
use pi_server_model::shape::World;

/// The same with a clock on the wall that is always right.
fn steady(input: &Input) -> Input {
    let mut steady = input.clone();
    match &mut steady.kind {
        InputKind::Boot(boot) => boot.wall = WallOffset(0),
        InputKind::Wall { offset } => *offset = WallOffset(0),
        InputKind::Opened(_)
        | InputKind::Closed { .. }
        | InputKind::Command { .. }
        | InputKind::Malformed { .. }
        | InputKind::Agent { .. }
        | InputKind::Answered { .. }
        | InputKind::Storage { .. }
        | InputKind::Tick
        | InputKind::Drain
        | InputKind::Stop
        | InputKind::Repeated { .. }
        | InputKind::Indexed { .. } => {}
    }
    steady
}

/// Outputs in words, without the only time in them that is shown.
fn without_dates(outputs: &[Output]) -> String {
    let text = format!("{outputs:?}");
    let mut parts = text.split("created_at: Micros(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[test]
fn where_the_wall_is_decides_nothing() {
    let (mut told, mut dates) = (0, 0);
    for seed in 0..200 {
        let mut world = World::new(Entropy::Seed(seed));
        let (mut here, mut there) = (State::new(), State::new());
        let (mut outputs, mut others) = (Outputs::new(), Outputs::new());
        for _ in 0..400 {
            let input = world.next(here.deadline());
            told += u64::from(matches!(input.kind, InputKind::Wall { .. }));
            here.step(&input, &mut outputs);
            there.step(&steady(&input), &mut others);
            let (ours, theirs) = (outputs.as_slice(), others.as_slice());
            dates += u64::from(ours != theirs);
            assert_eq!(
                without_dates(ours),
                without_dates(theirs),
                "seed {seed}, input {}",
                input.seq
            );
            assert_eq!(here.deadline(), there.deadline(), "seed {seed}, input {}", input.seq);
            world.saw(ours);
        }
    }
    assert!(told > 200 && dates > 200, "{told} settings of the clock, {dates} dates");
}
