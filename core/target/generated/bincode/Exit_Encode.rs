impl :: bincode :: Encode for Exit
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.status, encoder) ?; :: bincode ::
        Encode :: encode(&self.stderr, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}