impl :: bincode :: Encode for AgentInfo
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.name, encoder) ?; :: bincode ::
        Encode :: encode(&self.file, encoder) ?; :: bincode :: Encode ::
        encode(&self.model, encoder) ?; :: bincode :: Encode ::
        encode(&self.provider, encoder) ?; :: bincode :: Encode ::
        encode(&self.thinking, encoder) ?; :: bincode :: Encode ::
        encode(&self.messages, encoder) ?; :: bincode :: Encode ::
        encode(&self.queued, encoder) ?; core :: result :: Result :: Ok(())
    }
}