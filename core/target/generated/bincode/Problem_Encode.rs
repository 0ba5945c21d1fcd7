impl :: bincode :: Encode for Problem
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.field, encoder) ?; :: bincode ::
        Encode :: encode(&self.rule, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}