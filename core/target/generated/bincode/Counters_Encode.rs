impl :: bincode :: Encode for Counters
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.inputs, encoder) ?; :: bincode ::
        Encode :: encode(&self.admitted, encoder) ?; :: bincode :: Encode ::
        encode(&self.succeeded, encoder) ?; :: bincode :: Encode ::
        encode(&self.failed, encoder) ?; :: bincode :: Encode ::
        encode(&self.refused, encoder) ?; :: bincode :: Encode ::
        encode(&self.replayed, encoder) ?; :: bincode :: Encode ::
        encode(&self.malformed, encoder) ?; :: bincode :: Encode ::
        encode(&self.rate_limited, encoder) ?; :: bincode :: Encode ::
        encode(&self.events, encoder) ?; :: bincode :: Encode ::
        encode(&self.agent_noise, encoder) ?; :: bincode :: Encode ::
        encode(&self.impossible, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}