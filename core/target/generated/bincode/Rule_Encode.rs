impl :: bincode :: Encode for Rule
{
    fn encode < __E : :: bincode :: enc :: Encoder >
    (& self, encoder : & mut __E) ->core :: result :: Result < (), :: bincode
    :: error :: EncodeError >
    {
        match self
        {
            Self ::TypeMissing
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (0u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::TypeUnknown
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (1u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::NonEmptyStringIfProvided
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (2u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::TooLong { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (3u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::ReservedPrefix
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (4u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ArrayOfIds
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (5u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::TooManyDependencies { max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (6u32), encoder) ?
                ; :: bincode :: Encode :: encode(max, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::NonEmptyId
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (7u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::IdRequired
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (8u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::NonNegativeInteger
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (9u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SessionRequired
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (10u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SessionTargetedOnly
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (11u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RequiredString
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (12u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RequiredNonEmptyString
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (13u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::StringIfProvided
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (14u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::BooleanIfProvided
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (15u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RequiredBoolean
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (16u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::ObjectIfProvided
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (17u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RequiredObject
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (18u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::OneOf(field_0)
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (19u32), encoder) ?
                ; :: bincode :: Encode :: encode(field_0, encoder) ?; core ::
                result :: Result :: Ok(())
            }, Self ::ControlCharacters
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (20u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::DangerousPath
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (21u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::SessionIdCharacters
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (22u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::RequestIdCharacters
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (23u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Timestamp
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (24u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::TimestampOrder
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (25u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::IntegerIfProvided
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (26u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::Between { min, max }
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (27u32), encoder) ?
                ; :: bincode :: Encode :: encode(min, encoder) ?; :: bincode
                :: Encode :: encode(max, encoder) ?; core :: result :: Result
                :: Ok(())
            }, Self ::Images
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (28u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            }, Self ::AnswerMismatch
            =>{
                < u32 as :: bincode :: Encode >:: encode(& (29u32), encoder) ?
                ; core :: result :: Result :: Ok(())
            },
        }
    }
}