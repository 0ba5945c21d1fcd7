impl < __Context > :: bincode :: Decode < __Context > for JsonProblem
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::End {}), 1u32 =>core
            :: result :: Result :: Ok(Self ::Unexpected {}), 2u32 =>core ::
            result :: Result :: Ok(Self ::Trailing {}), 3u32 =>core :: result
            :: Result :: Ok(Self ::TooDeep {}), 4u32 =>core :: result ::
            Result :: Ok(Self ::DuplicateKey {}), 5u32 =>core :: result ::
            Result :: Ok(Self ::BadString {}), 6u32 =>core :: result :: Result
            :: Ok(Self ::BadNumber {}), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "JsonProblem", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 6 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for JsonProblem
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::End {}), 1u32 =>core
            :: result :: Result :: Ok(Self ::Unexpected {}), 2u32 =>core ::
            result :: Result :: Ok(Self ::Trailing {}), 3u32 =>core :: result
            :: Result :: Ok(Self ::TooDeep {}), 4u32 =>core :: result ::
            Result :: Ok(Self ::DuplicateKey {}), 5u32 =>core :: result ::
            Result :: Ok(Self ::BadString {}), 6u32 =>core :: result :: Result
            :: Ok(Self ::BadNumber {}), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "JsonProblem", allowed : &::
                bincode :: error :: AllowedEnumVariants :: Range
                { min: 0, max: 6 }
            })
        }
    }
}