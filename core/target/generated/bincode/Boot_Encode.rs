impl :: bincode :: Encode for Boot
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.rules, encoder) ?; :: bincode ::
        Encode :: encode(&self.server_version, encoder) ?; :: bincode ::
        Encode :: encode(&self.limits, encoder) ?; :: bincode :: Encode ::
        encode(&self.entropy, encoder) ?; :: bincode :: Encode ::
        encode(&self.clean, encoder) ?; :: bincode :: Encode ::
        encode(&self.recovery, encoder) ?; :: bincode :: Encode ::
        encode(&self.agent, encoder) ?; :: bincode :: Encode ::
        encode(&self.default_cwd, encoder) ?; :: bincode :: Encode ::
        encode(&self.journal_path, encoder) ?; :: bincode :: Encode ::
        encode(&self.journal, encoder) ?; core :: result :: Result :: Ok(())
    }
}