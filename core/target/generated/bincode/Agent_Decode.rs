impl < __Context > :: bincode :: Decode < __Context > for Agent
{
    fn decode < __D : :: bincode :: de :: Decoder < Context = __Context > >
    (decoder : & mut __D) ->core :: result :: Result < Self, :: bincode ::
    error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Down {}), 1u32 =>core
            :: result :: Result ::
            Ok(Self ::Starting
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, by : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Up
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?, settles : :: bincode :: Decode ::< __D ::
                Context >:: decode(decoder) ?, disposition : :: bincode ::
                Decode ::< __D :: Context >:: decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Ending
            {
                agent : :: bincode :: Decode ::< __D :: Context >::
                decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Agent", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 3 }
            })
        }
    }
} impl < '__de, __Context > :: bincode :: BorrowDecode < '__de, __Context >
for Agent
{
    fn borrow_decode < __D : :: bincode :: de :: BorrowDecoder < '__de,
    Context = __Context > > (decoder : & mut __D) ->core :: result :: Result <
    Self, :: bincode :: error :: DecodeError >
    {
        let variant_index = < u32 as :: bincode :: Decode ::< __D :: Context
        >>:: decode(decoder) ?; match variant_index
        {
            0u32 =>core :: result :: Result :: Ok(Self ::Down {}), 1u32 =>core
            :: result :: Result ::
            Ok(Self ::Starting
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, by : :: bincode :: BorrowDecode ::<
                __D :: Context >:: borrow_decode(decoder) ?,
            }), 2u32 =>core :: result :: Result ::
            Ok(Self ::Up
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?, settles : :: bincode :: BorrowDecode
                ::< __D :: Context >:: borrow_decode(decoder) ?, disposition :
                :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), 3u32 =>core :: result :: Result ::
            Ok(Self ::Ending
            {
                agent : :: bincode :: BorrowDecode ::< __D :: Context >::
                borrow_decode(decoder) ?,
            }), variant =>core :: result :: Result ::
            Err(:: bincode :: error :: DecodeError :: UnexpectedVariant
            {
                found : variant, type_name : "Agent", allowed : &:: bincode ::
                error :: AllowedEnumVariants :: Range { min: 0, max: 3 }
            })
        }
    }
}