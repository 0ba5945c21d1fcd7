//! `pi-server token`: the ready-to-paste URL of the daemon of a data directory.

use clap::Args;

use super::{Complaint, DataDir, Status, print};
use crate::daemon::token;

#[derive(Debug, Args)]
#[command(after_help = "\
The token is made by the first `pi-server serve` and is in the file `token` of the data directory.
Clients send it as `Authorization: Bearer TOKEN`, as the WebSocket subprotocol `token.TOKEN` beside
`pi-server`, or, where nothing else is possible, in the query as printed here. To make a new one,
delete the file and start the daemon again.")]
pub(super) struct Token {
    #[command(flatten)]
    data_dir: DataDir,
    /// The token alone, for scripts.
    #[arg(long)]
    raw: bool,
}

impl Token {
    pub(super) fn run(&self) -> Result<Status, Complaint> {
        let dir = self.data_dir.resolve().map_err(Complaint::usage)?;
        let token = token::read(&dir)
            .map_err(|error| Complaint { status: Status::Failed, text: error.to_string() })?;
        if self.raw {
            print(&format!("{}\n", token.as_str()))?;
        } else {
            let address = token::last_address(&dir).unwrap_or(token::DEFAULT_ADDRESS);
            print(&format!("{}\n", token.url(address)))?;
        }
        Ok(Status::Ok)
    }
}
