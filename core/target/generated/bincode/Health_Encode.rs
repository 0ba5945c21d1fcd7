impl :: bincode :: Encode for Health
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.issues, encoder) ?; :: bincode ::
        Encode :: encode(&self.open_circuit, encoder) ?; :: bincode :: Encode
        :: encode(&self.open_bash_circuit, encoder) ?; core :: result ::
        Result :: Ok(())
    }
}