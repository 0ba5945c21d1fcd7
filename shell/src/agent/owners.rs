//! Whose a session is: the demo agent's or pi's. The one never serves a session of the other, which would
//! answer with success and know nothing of the conversation. PROTOCOL.md 7.4.

use std::collections::BTreeMap;

use pi_server_core::AgentNo;
use pi_server_core::input::{AgentInfo, AgentKind};

use super::demo::PROVIDER;

/// Which sessions the agents of this daemon may serve.
#[derive(Debug)]
pub(super) struct Owners {
    /// Whose the agents of this daemon are; `None` if they serve every session.
    ours: Option<AgentKind>,
    /// Why there is no pi.
    no_pi: String,
    /// Of the agents that are about to be asked for: whose their sessions are, if it is somebody else's.
    others: BTreeMap<AgentNo, AgentKind>,
}

impl Owners {
    /// Agents of one kind. `no_pi` is why there is no pi, if there is none.
    pub(super) fn of(ours: AgentKind, no_pi: String) -> Owners {
        Owners { ours: Some(ours), no_pi, others: BTreeMap::new() }
    }

    /// Agents that serve every session.
    pub(super) fn anybody() -> Owners {
        Owners { ours: None, no_pi: String::new(), others: BTreeMap::new() }
    }

    /// Takes note of what is known of the session of an agent that is about to be asked for.
    pub(super) fn remember(&mut self, agent: AgentNo, info: &AgentInfo) {
        let owner = owner_of(info).filter(|owner| self.ours.is_some_and(|ours| ours != *owner));
        if let Some(owner) = owner {
            self.others.insert(agent, owner);
        }
    }

    /// Why an agent cannot be brought up for its session, in words for the client.
    pub(super) fn refuse(&mut self, agent: AgentNo) -> Option<String> {
        Some(match self.others.remove(&agent)? {
            AgentKind::Pi => format!("This session is pi's, and there is no pi: {}", self.no_pi),
            AgentKind::Demo => {
                "This session is the demo agent's, and the daemon runs pi: start it \
                                with --agent demo to go on with the session"
                    .to_owned()
            }
        })
    }
}

/// Whose a session is; `None` while nobody has served it.
fn owner_of(info: &AgentInfo) -> Option<AgentKind> {
    match info.provider.as_deref() {
        Some(PROVIDER) => Some(AgentKind::Demo),
        Some(_) => Some(AgentKind::Pi),
        None => (info.messages > 0).then_some(AgentKind::Pi),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(provider: Option<&str>, messages: u64) -> AgentInfo {
        AgentInfo { provider: provider.map(Into::into), messages, ..AgentInfo::default() }
    }

    #[test]
    fn a_session_is_served_by_its_own_agent_and_a_new_one_by_any() {
        let cases = [
            (info(None, 0), [true, true]),
            (info(Some("demo"), 0), [true, false]),
            (info(Some("anthropic"), 0), [false, true]),
            (info(None, 3), [false, true]),
        ];
        for (info, served) in cases {
            for (kind, served) in [AgentKind::Demo, AgentKind::Pi].into_iter().zip(served) {
                let mut owners = Owners::of(kind, "looked for it".into());
                owners.remember(AgentNo(1), &info);
                let refused = owners.refuse(AgentNo(1));
                assert_eq!(refused.is_none(), served, "{kind:?} for {info:?}: {refused:?}");
                assert_eq!(owners.refuse(AgentNo(1)), None, "it is asked for once");
            }
            let mut owners = Owners::anybody();
            owners.remember(AgentNo(1), &info);
            assert_eq!(owners.refuse(AgentNo(1)), None);
        }
    }
}
