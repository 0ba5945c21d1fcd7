impl :: bincode :: Encode for HistoryFilter
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.session, encoder) ?; :: bincode
        :: Encode :: encode(&self.command, encoder) ?; :: bincode :: Encode ::
        encode(&self.kind, encoder) ?; :: bincode :: Encode ::
        encode(&self.success, encoder) ?; :: bincode :: Encode ::
        encode(&self.from_ms, encoder) ?; :: bincode :: Encode ::
        encode(&self.to_ms, encoder) ?; :: bincode :: Encode ::
        encode(&self.limit, encoder) ?; :: bincode :: Encode ::
        encode(&self.before, encoder) ?; core :: result :: Result :: Ok(())
    }
}