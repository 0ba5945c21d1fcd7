impl :: bincode :: Encode for TokenBucket
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.missing, encoder) ?; :: bincode
        :: Encode :: encode(&self.at, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}