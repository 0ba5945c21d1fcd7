impl :: bincode :: Encode for RecoveredCommand
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.command, encoder) ?; :: bincode
        :: Encode :: encode(&self.id, encoder) ?; :: bincode :: Encode ::
        encode(&self.kind, encoder) ?; :: bincode :: Encode ::
        encode(&self.session, encoder) ?; :: bincode :: Encode ::
        encode(&self.started, encoder) ?; :: bincode :: Encode ::
        encode(&self.fate, encoder) ?; core :: result :: Result :: Ok(())
    }
}