impl :: bincode :: Encode for KeyState
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.command, encoder) ?; :: bincode
        :: Encode :: encode(&self.expires, encoder) ?; core :: result ::
        Result :: Ok(())
    }
}