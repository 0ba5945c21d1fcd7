impl :: bincode :: Encode for Due
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.entries, encoder) ?; core ::
        result :: Result :: Ok(())
    }
}