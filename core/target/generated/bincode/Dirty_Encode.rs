impl :: bincode :: Encode for Dirty
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.keys, encoder) ?; core :: result
        :: Result :: Ok(())
    }
}