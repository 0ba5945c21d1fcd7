impl :: bincode :: Encode for Totals
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.successes, encoder) ?; :: bincode
        :: Encode :: encode(&self.failures, encoder) ?; :: bincode :: Encode
        :: encode(&self.refused, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}