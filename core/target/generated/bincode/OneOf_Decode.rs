impl < __Context > :: bincode :: Decode < __Context > for OneOf
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::StreamingBehavior {}), 1u32 =>core :: result :: Result
            :: Ok(Self ::Direction {}), 2u32 =>core :: result :: Result ::
            Ok(Self ::ThinkingLevel {}), 3u32 =>core :: result :: Result ::
            Ok(Self ::DialogMethod {}), 4u32 =>core :: result :: Result ::
            Ok(Self ::Interest {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::Outcome {}), 6u32 =>core :: result :: Result ::
            Ok(Self ::CommandType {}), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "OneOf", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 6 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for OneOf
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result ::
            Ok(Self ::StreamingBehavior {}), 1u32 =>core :: result :: Result
            :: Ok(Self ::Direction {}), 2u32 =>core :: result :: Result ::
            Ok(Self ::ThinkingLevel {}), 3u32 =>core :: result :: Result ::
            Ok(Self ::DialogMethod {}), 4u32 =>core :: result :: Result ::
            Ok(Self ::Interest {}), 5u32 =>core :: result :: Result ::
            Ok(Self ::Outcome {}), 6u32 =>core :: result :: Result ::
            Ok(Self ::CommandType {}), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "OneOf", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 6 }
            })
        }
    }
}