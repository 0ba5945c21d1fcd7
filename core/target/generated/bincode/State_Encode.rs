impl :: bincode :: Encode for State
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.rules, encoder) ?; :: bincode ::
        Encode :: encode(&self.life, encoder) ?; :: bincode :: Encode ::
        encode(&self.limits, encoder) ?; :: bincode :: Encode ::
        encode(&self.server_version, encoder) ?; :: bincode :: Encode ::
        encode(&self.entropy, encoder) ?; :: bincode :: Encode ::
        encode(&self.agent_kind, encoder) ?; :: bincode :: Encode ::
        encode(&self.default_cwd, encoder) ?; :: bincode :: Encode ::
        encode(&self.now, encoder) ?; :: bincode :: Encode ::
        encode(&self.seq, encoder) ?; :: bincode :: Encode ::
        encode(&self.boots, encoder) ?; :: bincode :: Encode ::
        encode(&self.writable, encoder) ?; :: bincode :: Encode ::
        encode(&self.conns, encoder) ?; :: bincode :: Encode ::
        encode(&self.sessions, encoder) ?; :: bincode :: Encode ::
        encode(&self.agents, encoder) ?; :: bincode :: Encode ::
        encode(&self.last_agent, encoder) ?; :: bincode :: Encode ::
        encode(&self.wanted, encoder) ?; :: bincode :: Encode ::
        encode(&self.lanes, encoder) ?; :: bincode :: Encode ::
        encode(&self.commands, encoder) ?; :: bincode :: Encode ::
        encode(&self.identity, encoder) ?; :: bincode :: Encode ::
        encode(&self.control, encoder) ?; :: bincode :: Encode ::
        encode(&self.due, encoder) ?; :: bincode :: Encode ::
        encode(&self.providers, encoder) ?; :: bincode :: Encode ::
        encode(&self.bash, encoder) ?; :: bincode :: Encode ::
        encode(&self.recovery, encoder) ?; :: bincode :: Encode ::
        encode(&self.agent_versions, encoder) ?; :: bincode :: Encode ::
        encode(&self.absent, encoder) ?; :: bincode :: Encode ::
        encode(&self.unknown_outcomes, encoder) ?; :: bincode :: Encode ::
        encode(&self.counters, encoder) ?; :: bincode :: Encode ::
        encode(&self.dirty, encoder) ?; :: bincode :: Encode ::
        encode(&self.doomed, encoder) ?; core :: result :: Result :: Ok(())
    }
}