//! Builds the copy, and takes out the mutants that do not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::Error;
use crate::sites::LeftOut;
use crate::tree::Tree;
use crate::weave::Woven;

/// Where the copy is, and where it is built.
pub(crate) struct Shop {
    pub(crate) copy: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) jobs: usize,
}

/// A line of what cargo says.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Said {
    CompilerMessage {
        message: Message,
    },
    CompilerArtifact(Artifact),
    #[serde(other)]
    Else,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    spans: Vec<Spot>,
    rendered: Option<String>,
}

/// A place in a file, and what wrote it if that was a macro.
#[derive(Deserialize)]
struct Spot {
    file_name: String,
    byte_start: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Spot,
}

#[derive(Deserialize)]
struct Artifact {
    target: Target,
    manifest_path: PathBuf,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// A built test program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// The directory of its package, in which it expects to be run.
    pub(crate) home: PathBuf,
}

/// Builds the copy again and again, each time without the mutants that did not compile, until all of
/// it does.
pub(crate) fn cull(shop: &Shop, tree: &mut Tree, tell: &mut dyn FnMut(&str)) -> Result<(), Error> {
    for round in 1.. {
        let woven = tree.weave(&shop.copy)?;
        let (is_built, said) = cargo(shop, &["check", "--package", "pi-server-core", "--lib"])?;
        if is_built {
            return Ok(());
        }
        let errors: Vec<&Message> = errors(&said).collect();
        let (broken, entangled) = culprits(&woven, &errors);
        tell(&format!(
            "round {round}: {} do not compile, {} under suspicion",
            broken.len(),
            entangled.len()
        ));
        if broken.is_empty() && entangled.is_empty() {
            return Err(unexplained(&errors));
        }
        tree.broken.extend(broken);
        tree.left_out.extend(entangled.into_iter().map(|number| (number, LeftOut::Entangled)));
    }
    Ok(())
}

/// Which mutants do not compile. Only when an error is in nobody's own text, and nobody else is to
/// blame, everything around it is under suspicion.
fn culprits(
    woven: &BTreeMap<String, Woven>,
    errors: &[&Message],
) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let spots = || errors.iter().flat_map(|error| &error.spans).flat_map(trail);
    let (mut broken, mut suspects) = (BTreeSet::new(), BTreeSet::new());
    for spot in spots() {
        if let Some(woven) = woven.get(&spot.file_name) {
            broken.extend(woven.at_fault(spot.byte_start));
        }
    }
    if broken.is_empty() {
        for spot in spots().filter(|spot| spot.is_primary) {
            if let Some(woven) = woven.get(&spot.file_name) {
                suspects.extend(woven.suspects(spot.byte_start));
            }
        }
    }
    (broken, suspects)
}

/// A place, and those from which macros led there.
fn trail(spot: &Spot) -> impl Iterator<Item = &Spot> {
    std::iter::successors(Some(spot), |spot| spot.expansion.as_ref().map(|from| &from.span))
}

fn errors(said: &[Said]) -> impl Iterator<Item = &Message> {
    said.iter().filter_map(|said| match said {
        Said::CompilerMessage { message } if message.level == "error" => Some(message),
        Said::CompilerMessage { .. } | Said::CompilerArtifact(_) | Said::Else => None,
    })
}

fn unexplained(errors: &[&Message]) -> Error {
    let words = errors.iter().filter_map(|error| error.rendered.clone()).collect();
    Error::Build { words }
}

/// Builds the test programs; by the name of the target, with `pi-server-core` for unit tests.
pub(crate) fn tests(shop: &Shop) -> Result<BTreeMap<String, Program>, Error> {
    let packages = ["pi-server-core", "pi-server-model", "pi-server-tests"];
    let targets = ["scripts", "journal_format", "protocol", "differential", "determinism"];
    let mut args = vec!["test", "--no-run", "--lib"];
    args.extend(packages.iter().flat_map(|name| ["--package", name]));
    args.extend(targets.iter().flat_map(|name| ["--test", name]));
    let (is_built, said) = cargo(shop, &args)?;
    if !is_built {
        return Err(unexplained(&errors(&said).collect::<Vec<_>>()));
    }
    let mut programs = BTreeMap::new();
    for said in said {
        let Said::CompilerArtifact(artifact) = said else { continue };
        let Artifact { target: Target { name, kind }, manifest_path, executable } = artifact;
        let Some(path) = executable else { continue };
        let home = manifest_path.parent().unwrap_or(&shop.copy).to_owned();
        // Several packages may have a test of one name: it is the directory that tells.
        let package = home.strip_prefix(&shop.copy).unwrap_or(&home).display().to_string();
        let part = if kind.iter().any(|kind| kind == "test") { name } else { "lib".into() };
        programs.insert(format!("{package} {part}"), Program { path, home });
    }
    Ok(programs)
}

fn cargo(shop: &Shop, args: &[&str]) -> Result<(bool, Vec<Said>), Error> {
    let output = Command::new("cargo")
        .args(args)
        .args(["--locked", "--profile", "mutants", "--message-format", "json"])
        .args(["--jobs", &shop.jobs.to_string()])
        .current_dir(&shop.copy)
        .env("CARGO_TARGET_DIR", &shop.target)
        // What is denied elsewhere, such as code that cannot be reached, is no matter here.
        .env("RUSTFLAGS", "--cap-lints allow")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Error::Start { program: "cargo", error })?;
    let said = String::from_utf8_lossy(&output.stdout);
    let said = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok((output.status.success(), said))
}

/// Where a copy is kept if nothing else is said.
pub(crate) fn usual_place(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| root.join("target")).join("mutants-core")
}
