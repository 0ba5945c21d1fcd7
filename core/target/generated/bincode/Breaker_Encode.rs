impl :: bincode :: Encode for Breaker
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.position, encoder) ?; :: bincode
        :: Encode :: encode(&self.failures, encoder) ?; :: bincode :: Encode
        :: encode(&self.trials, encoder) ?; :: bincode :: Encode ::
        encode(&self.totals, encoder) ?; core :: result :: Result :: Ok(())
    }
}