impl :: bincode :: Encode for SessionInfo
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.id, encoder) ?; :: bincode ::
        Encode :: encode(&self.name, encoder) ?; :: bincode :: Encode ::
        encode(&self.file, encoder) ?; :: bincode :: Encode ::
        encode(&self.model, encoder) ?; :: bincode :: Encode ::
        encode(&self.thinking, encoder) ?; :: bincode :: Encode ::
        encode(&self.streaming, encoder) ?; :: bincode :: Encode ::
        encode(&self.compacting, encoder) ?; :: bincode :: Encode ::
        encode(&self.messages, encoder) ?; :: bincode :: Encode ::
        encode(&self.queued, encoder) ?; :: bincode :: Encode ::
        encode(&self.created_at, encoder) ?; :: bincode :: Encode ::
        encode(&self.cwd, encoder) ?; :: bincode :: Encode ::
        encode(&self.version, encoder) ?; :: bincode :: Encode ::
        encode(&self.dialogs, encoder) ?; core :: result :: Result :: Ok(())
    }
}