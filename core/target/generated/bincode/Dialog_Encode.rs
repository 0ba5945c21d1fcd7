impl :: bincode :: Encode for Dialog
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.cursor, encoder) ?; :: bincode ::
        Encode :: encode(&self.event, encoder) ?; :: bincode :: Encode ::
        encode(&self.method, encoder) ?; :: bincode :: Encode ::
        encode(&self.until, encoder) ?; core :: result :: Result :: Ok(())
    }
}