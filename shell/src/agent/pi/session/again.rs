//! What a session was told before, told again. pi writes no file before the first message; what was
//! set until then is gone with its process, and the session would be another one than clients see.

use pi_server_core::input::AgentInfo;
use serde_json::{Value, json};

use super::{Pending, Session};

impl Session {
    /// Sets again what earlier agents of a session without a file were told: model, thinking level
    /// and name, as far as they are known and pi does not have them.
    pub(super) fn apply_again(&mut self, known: AgentInfo) {
        // Without a model there was no agent before.
        let Some(model) = known.model.as_deref().filter(|_| self.is_fresh) else { return };
        let id = |text: &str| -> Option<(String, String)> {
            let model: Value = serde_json::from_str(text).ok()?;
            let part = |key: &str| model[key].as_str().map(str::to_owned);
            Some((part("provider")?, part("id")?))
        };
        let current = self.info.model.as_deref().and_then(id);
        let mut lines = Vec::new();
        if let Some((provider, model_id)) = id(model).filter(|it| current.as_ref() != Some(it)) {
            lines.push(json!({ "type": "set_model", "provider": provider, "modelId": model_id }));
            self.info.model = known.model;
            self.info.provider = known.provider;
        }
        if known.thinking != self.info.thinking {
            lines.push(json!({ "type": "set_thinking_level", "level": &*known.thinking }));
            self.info.thinking = known.thinking;
        }
        if let Some(name) = known.name.filter(|name| self.info.name.as_ref() != Some(name)) {
            lines.push(json!({ "type": "set_session_name", "name": &*name }));
            self.info.name = Some(name);
        }
        if lines.is_empty() {
            return;
        }
        for line in lines {
            self.write(line, Pending::Own);
        }
        // What pi makes of it is what clients are to see.
        self.write(json!({ "type": "get_state" }), Pending::Refresh);
    }
}
