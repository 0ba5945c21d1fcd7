impl :: bincode :: Encode for Recovery
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.journal_path, encoder) ?; ::
        bincode :: Encode :: encode(&self.journal, encoder) ?; :: bincode ::
        Encode :: encode(&self.clean, encoder) ?; :: bincode :: Encode ::
        encode(&self.boot, encoder) ?; :: bincode :: Encode ::
        encode(&self.outcomes, encoder) ?; :: bincode :: Encode ::
        encode(&self.sessions, encoder) ?; :: bincode :: Encode ::
        encode(&self.in_flight, encoder) ?; :: bincode :: Encode ::
        encode(&self.recoverable, encoder) ?; :: bincode :: Encode ::
        encode(&self.failed, encoder) ?; core :: result :: Result :: Ok(())
    }
}