impl :: bincode :: Encode for Place
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.hash, encoder) ?; :: bincode ::
        Encode :: encode(&self.command, encoder) ?; core :: result :: Result
        :: Ok(())
    }
}