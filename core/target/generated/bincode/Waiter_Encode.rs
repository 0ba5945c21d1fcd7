impl :: bincode :: Encode for Waiter
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.conn, encoder) ?; :: bincode ::
        Encode :: encode(&self.id, encoder) ?; core :: result :: Result ::
        Ok(())
    }
}