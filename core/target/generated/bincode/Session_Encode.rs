impl :: bincode :: Encode for Session
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        :: bincode :: Encode :: encode(&self.id, encoder) ?; :: bincode ::
        Encode :: encode(&self.cwd, encoder) ?; :: bincode :: Encode ::
        encode(&self.created_at, encoder) ?; :: bincode :: Encode ::
        encode(&self.version, encoder) ?; :: bincode :: Encode ::
        encode(&self.creating, encoder) ?; :: bincode :: Encode ::
        encode(&self.agent, encoder) ?; :: bincode :: Encode ::
        encode(&self.run, encoder) ?; :: bincode :: Encode ::
        encode(&self.compacting, encoder) ?; :: bincode :: Encode ::
        encode(&self.run_failed, encoder) ?; :: bincode :: Encode ::
        encode(&self.info, encoder) ?; :: bincode :: Encode ::
        encode(&self.asked, encoder) ?; :: bincode :: Encode ::
        encode(&self.dialogs, encoder) ?; :: bincode :: Encode ::
        encode(&self.last_event, encoder) ?; :: bincode :: Encode ::
        encode(&self.bucket, encoder) ?; :: bincode :: Encode ::
        encode(&self.dialog_bucket, encoder) ?; :: bincode :: Encode ::
        encode(&self.bash, encoder) ?; :: bincode :: Encode ::
        encode(&self.stop_by, encoder) ?; :: bincode :: Encode ::
        encode(&self.idle_since, encoder) ?; :: bincode :: Encode ::
        encode(&self.kept, encoder) ?; :: bincode :: Encode ::
        encode(&self.view, encoder) ?; core :: result :: Result :: Ok(())
    }
}