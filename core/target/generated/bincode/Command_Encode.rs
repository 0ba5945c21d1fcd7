impl :: bincode :: Encode for Command
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.conn, encoder) ?; :: bincode ::
        Encode :: encode(&self.client, encoder) ?; :: bincode :: Encode ::
        encode(&self.id_hash, encoder) ?; :: bincode :: Encode ::
        encode(&self.envelope, encoder) ?; :: bincode :: Encode ::
        encode(&self.session, encoder) ?; :: bincode :: Encode ::
        encode(&self.lane, encoder) ?; :: bincode :: Encode ::
        encode(&self.lane_sequence, encoder) ?; :: bincode :: Encode ::
        encode(&self.frame, encoder) ?; :: bincode :: Encode ::
        encode(&self.stage, encoder) ?; :: bincode :: Encode ::
        encode(&self.announced, encoder) ?; :: bincode :: Encode ::
        encode(&self.unmet, encoder) ?; :: bincode :: Encode ::
        encode(&self.dependents, encoder) ?; :: bincode :: Encode ::
        encode(&self.waiters, encoder) ?; :: bincode :: Encode ::
        encode(&self.deadline, encoder) ?; :: bincode :: Encode ::
        encode(&self.timeout_ms, encoder) ?; :: bincode :: Encode ::
        encode(&self.charge, encoder) ?; core :: result :: Result :: Ok(())
    }
}